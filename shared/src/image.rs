//! Images for chips: a model's file, its maps laid out for the chip's core; and the way back.

use std::vec::Vec;

use crate::format::{self, OpenError};
use crate::kernel::{Affine, Layout};
use crate::model::Model;

/// The bytes for a chip whose core reads `layout`; the model's file itself if it is in that layout.
#[must_use]
pub fn image(model: &Model<'_>, layout: Layout) -> Vec<u8> {
    let mut image = model.file().to_vec();
    if layout != Layout::OWN {
        lay_out_anew(&mut image, model, |map| map.in_quads());
        format::seal_anew(&mut image, layout);
    }
    image
}

/// The model file from which an image was made; of a model file, itself. `image` starts on a 16-byte boundary.
///
/// # Errors
/// [`OpenError`] if it is not an image of a file.
pub fn file_of(image: &[u8]) -> Result<Vec<u8>, OpenError> {
    let model = Model::of_any_layout(image)?;
    let mut file = image.to_vec();
    if format::layout_of(image) != Layout::OWN as u32 {
        lay_out_anew(&mut file, &model, |map| map.in_pairs());
        format::seal_again(&mut file)?;
    }
    Ok(file)
}

/// Replaces each map of `model`, whose bytes are those of `copy`, by the result of `lay_out`.
fn lay_out_anew(copy: &mut [u8], model: &Model<'_>, lay_out: impl Fn(&Affine<'_>) -> Vec<u16>) {
    let layers = model.layers().iter().flat_map(|layer| layer.maps());
    let ngrams = model.ngrams().into_iter().flat_map(|ngrams| ngrams.maps());
    for map in layers.chain(model.head().maps()).chain(ngrams) {
        let groups = lay_out(&map);
        let bytes = bytemuck::cast_slice::<u16, u8>(&groups);
        // The map lies in the file.
        let start = map.groups_in_place().as_ptr().addr().saturating_sub(model.file().as_ptr().addr());
        if let Some(to) = copy.get_mut(start..).and_then(|rest| rest.get_mut(..bytes.len())) {
            to.copy_from_slice(bytes);
        }
    }
}
