//! What goes onto a chip: a model's file, its maps laid out for the chip's core.

use std::vec::Vec;

use crate::Model;
use crate::format;
use crate::kernel::Layout;

/// The bytes for a chip whose core reads `layout`; those of the model's file, if it is in that layout.
#[must_use]
pub fn image(model: &Model<'_>, layout: Layout) -> Vec<u8> {
    let file = model.file();
    let mut image = file.to_vec();
    if layout == Layout::OWN {
        return image;
    }
    let layers = model.layers().iter().flat_map(|layer| layer.maps());
    for map in layers.chain(model.head().maps()) {
        let quads = map.in_quads();
        let bytes = bytemuck::cast_slice::<u16, u8>(&quads);
        // The map lies in the file.
        let start = map.groups_in_place().as_ptr().addr().saturating_sub(file.as_ptr().addr());
        if let Some(to) = image.get_mut(start..).and_then(|rest| rest.get_mut(..bytes.len())) {
            to.copy_from_slice(bytes);
        }
    }
    format::seal_anew(&mut image, layout);
    image
}
