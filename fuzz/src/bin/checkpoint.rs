//! A checkpoint with any payload, its digest mended: it is refused, or opened, and never ends the program.
#![no_main]

use host::train::checkpoint::{Store, VERSION};
use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};

fuzz_target!(|payload: &[u8]| {
    let folder = tempfile::tempdir().expect("a folder");
    let mut file = b"TTCKPT\r\n".to_vec();
    file.extend(VERSION.to_le_bytes());
    file.extend((payload.len() as u64).to_le_bytes());
    file.extend(payload);
    file.extend(Sha256::digest(&file));
    std::fs::write(folder.path().join("latest.checkpoint"), file).expect("written");
    if let Err(error) = Store::open(folder.path(), &mut |_| {}) {
        assert!(!error.to_string().is_empty());
    }
});
