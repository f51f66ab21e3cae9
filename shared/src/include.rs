//! A model embedded in a program: aligned, and checked at compile time.

use crate::format;
use crate::kernel::Layout;

/// Bytes on a 16-byte boundary, as a model requires.
#[derive(Debug)]
#[repr(C, align(16))]
pub struct Aligned<T: ?Sized>(pub T);

/// Checks the header of an embedded model. Returns the bytes of memory that it needs.
///
/// # Panics
/// At compile time, if the file is not a model, has another format version, or is laid out for another core.
#[must_use]
pub const fn memory_of(file: &[u8]) -> usize {
    assert!(file.len() >= format::HEADER_BYTES, "no model: the file has fewer bytes than a header");
    let magic = format::MAGIC;
    let mut at = 0;
    while at < magic.len() {
        assert!(file[at] == magic[at], "no model: give a file that `train --export` or telltale-build wrote");
        at += 1;
    }
    assert!(
        format::u32_at(file, format::field::VERSION) == format::VERSION,
        "a model of another format version: train or import it again with this version of Telltale"
    );
    assert!(
        format::u32_at(file, format::field::LENGTH) as usize == file.len(),
        "the model is cut or padded: copy the file again"
    );
    assert!(
        format::u32_at(file, format::field::LAYOUT) == Layout::OWN as u32,
        "the model is laid out for another core: telltale-build in build.rs, or `image --target TRIPLE`, lays it out \
         for this one"
    );
    format::u32_at(file, format::field::MEMORY) as usize
}

/// Embeds a model file in the program.
///
/// `include_model!(static SENTIMENT = "model.bin");` defines `SENTIMENT`, a `&'static [u8]` on a 16-byte boundary for
/// [`Model::open`](crate::Model::open), and `SENTIMENT_MEMORY`, the bytes of [`Memory`](crate::Memory) that it needs.
/// The path is relative to the source file, like that of `include_bytes!`.
///
/// A file that is not a model, has another format version, or is laid out for another core does not compile:
///
/// ```compile_fail
/// telltale::include_model!(static LIBRARY = "lib.rs");
/// ```
#[macro_export]
macro_rules! include_model {
    ($visibility:vis static $name:ident = $path:expr $(;)?) => {
        $crate::engine::paste! {
            $visibility static $name: &'static [u8] = {
                static FILE: &$crate::engine::Aligned<[u8]> = &$crate::engine::Aligned(*include_bytes!($path));
                &FILE.0
            };
            #[doc = concat!("The bytes of memory that `", stringify!($name), "` needs.")]
            $visibility const [<$name _MEMORY>]: usize = $crate::engine::memory_of(include_bytes!($path));
        }
    };
}
