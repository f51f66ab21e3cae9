//! Checkpoints: a folder from which a run resumes as if it had never stopped.
//!
//! | in the folder | contents |
//! |---|---|
//! | `latest.checkpoint` | the newest one, always whole |
//! | `previous.checkpoint` | the one before |
//! | `damaged.checkpoint` | a `latest` that could not be read, set aside |
//! | `writing` | the next one while it is being written |
//! | `lock` | locked while a run uses the folder |
//!
//! A file holds, in this order, all numbers little endian:
//!
//! | bytes | content |
//! |---|---|
//! | 8 | `TTCKPT\r\n` |
//! | 4 | format version, u32 |
//! | 8 | length of the payload, u64 |
//! | … | the payload: [`Contents`], encoded with postcard |
//! | 32 | SHA-256 of everything before |
//!
//! A new one is written to `writing` and flushed to the disk, then `latest` becomes `previous` and
//! `writing` becomes `latest`, each by a rename: whenever the process or the machine dies, one of
//! the two is whole.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::trainer::Snapshot;
use crate::files;

const MAGIC: [u8; 8] = *b"TTCKPT\r\n";
/// The version of the format.
pub const VERSION: u32 = 2;
const HEADER_BYTES: usize = 20;
const DIGEST_BYTES: usize = 32;

const LATEST: &str = "latest.checkpoint";
const PREVIOUS: &str = "previous.checkpoint";
const DAMAGED: &str = "damaged.checkpoint";
const WRITING: &str = "writing";
const LOCK: &str = "lock";

/// What a checkpoint holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contents {
    /// The flags of the run, a JSON object.
    pub flags: String,
    /// `None` if training has not begun.
    pub run: Option<Run>,
}

/// A run that has begun.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// All choices of the run, a JSON object.
    pub config: String,
    /// What the run is made of, by name: another run's checkpoint differs in one of them.
    pub facts: BTreeMap<String, String>,
    /// Its position, in words.
    pub position: String,
    /// Its position.
    pub snapshot: Snapshot,
}

/// A folder of checkpoints, locked against other runs until it is dropped.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    _lock: File,
}

impl Store {
    /// The files of the checkpoints in a folder.
    #[must_use]
    pub fn files(folder: &Path) -> [PathBuf; 2] {
        [folder.join(LATEST), folder.join(PREVIOUS)]
    }

    /// A folder, made if need be, that no run uses or has used.
    ///
    /// # Errors
    /// If it cannot be made, another run uses it, or it holds a checkpoint already.
    pub fn create(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {} for checkpoints", folder.display()))?;
        let store = Self::lock(folder)?;
        ensure!(
            !Self::files(folder).iter().any(|file| file.exists()),
            "{} holds the checkpoint of a run: go on with --resume {}, or remove the folder",
            folder.display(),
            folder.display()
        );
        Ok(store)
    }

    /// A folder that a run has used, and its newest checkpoint that is whole. What is wrong with a newer one goes to
    /// `warn`.
    ///
    /// # Errors
    /// If there is no such folder, another run uses it, or it holds no whole checkpoint.
    pub fn open(folder: &Path, warn: &mut dyn FnMut(String)) -> Result<(Self, Contents)> {
        ensure!(
            folder.is_dir(),
            "--resume {}: {} (start a run with --checkpoint DIR)",
            folder.display(),
            files::no_folder(folder)
        );
        let store = Self::lock(folder)?;
        let mut reasons = Vec::new();
        for name in [LATEST, PREVIOUS] {
            let path = store.path(name);
            match fs::read(&path) {
                Ok(bytes) => match decode(&bytes) {
                    Ok(contents) => {
                        for reason in reasons {
                            warn(format!("{reason}; going on from {}", path.display()));
                        }
                        store.set_damaged_aside(name)?;
                        return Ok((store, contents));
                    }
                    Err(error) => reasons.push(format!("{} {error:#}", path.display())),
                },
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => reasons.push(format!("{} cannot be read: {error}", path.display())),
            }
        }
        ensure!(reasons.is_empty(), "no checkpoint can be used: {}", reasons.join("; "));
        let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
        let foreign = entries
            .filter_map(Result::ok)
            .map(|entry| entry.file_name())
            .find(|name| name != LOCK && name != WRITING);
        let there = foreign.map_or_else(String::new, |name| format!(", {} is there", name.display()));
        bail!(
            "--resume {}: no checkpoint is in it ({LATEST} is missing{there}); start a run with --checkpoint {}",
            folder.display(),
            folder.display()
        );
    }

    /// Writes a checkpoint; the one before is kept, older ones go.
    ///
    /// # Errors
    /// If the disk is full or the folder cannot be written; the checkpoints written before stay whole.
    pub fn write(&self, contents: &Contents) -> Result<()> {
        let (writing, latest) = (self.path(WRITING), self.path(LATEST));
        self.install(&encode(contents)?, &writing, &latest).with_context(|| {
            let before = if latest.exists() || self.path(PREVIOUS).exists() {
                format!(
                    " (the one before is whole: when that is mended, go on with --resume {})",
                    self.folder.display()
                )
            } else {
                String::new()
            };
            format!("cannot write the checkpoint {}{before}", latest.display())
        })
    }

    fn install(&self, bytes: &[u8], writing: &Path, latest: &Path) -> std::io::Result<()> {
        let mut file = File::create(writing)?;
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        if let Err(error) = written {
            // What was written of it would only take room.
            drop(file);
            let _ = fs::remove_file(writing);
            return Err(error);
        }
        if latest.exists() {
            fs::rename(latest, self.path(PREVIOUS))?;
        }
        fs::rename(writing, latest)?;
        files::sync_folder(&self.folder);
        Ok(())
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn lock(folder: &Path) -> Result<Self> {
        let path = folder.join(LOCK);
        let cannot = || format!("cannot write to the folder {} for checkpoints", folder.display());
        let lock = File::create(&path).with_context(cannot)?;
        match lock.try_lock() {
            // If the file system has no locks, the run continues without.
            Ok(()) | Err(fs::TryLockError::Error(_)) => {}
            Err(fs::TryLockError::WouldBlock) => {
                bail!("another run writes its checkpoints to {}", folder.display())
            }
        }
        Ok(Self { folder: folder.to_owned(), _lock: lock })
    }

    /// After the checkpoint `read` was chosen: a `latest` that is not it must not become `previous`.
    fn set_damaged_aside(&self, read: &str) -> Result<()> {
        let latest = self.path(LATEST);
        if read != LATEST && latest.exists() {
            fs::rename(&latest, self.path(DAMAGED))
                .with_context(|| format!("cannot set {} aside", latest.display()))?;
        }
        Ok(())
    }
}

fn encode(contents: &Contents) -> Result<Vec<u8>> {
    let payload = postcard::to_stdvec(contents).context("the checkpoint cannot be encoded")?;
    let mut bytes = Vec::with_capacity(HEADER_BYTES + payload.len() + DIGEST_BYTES);
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend((payload.len() as u64).to_le_bytes());
    bytes.extend(payload);
    let digest = Sha256::digest(&bytes);
    bytes.extend(digest);
    Ok(bytes)
}

fn decode(bytes: &[u8]) -> Result<Contents> {
    ensure!(bytes.starts_with(&MAGIC), "is no checkpoint: it does not start with `TTCKPT`");
    let (Some(version), Some(length)) = (bytes.get(8..12), bytes.get(12..HEADER_BYTES)) else {
        bail!("is cut short: {} bytes", bytes.len());
    };
    let version = u32::from_le_bytes(version.try_into()?);
    ensure!(version == VERSION, "has format version {version}, this program reads {VERSION}");
    let length = u64::from_le_bytes(length.try_into()?);
    let whole = (HEADER_BYTES + DIGEST_BYTES) as u64;
    ensure!(
        length.checked_add(whole) == Some(bytes.len() as u64),
        "is cut short or too long: {} bytes, {} were written",
        bytes.len(),
        length.saturating_add(whole)
    );
    let (body, digest) = bytes.split_at(bytes.len() - DIGEST_BYTES);
    ensure!(
        Sha256::digest(body)[..] == *digest,
        "is damaged: its SHA-256 is not the one it was written with"
    );
    postcard::from_bytes(&body[HEADER_BYTES..])
        .map_err(|error| anyhow::anyhow!("was written by another version of this program: {error}"))
}

/// The facts in which two runs differ, each with both values.
#[must_use]
pub fn differences(then: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<String> {
    let none = || "none".to_owned();
    let names: std::collections::BTreeSet<&String> = then.keys().chain(now.keys()).collect();
    names
        .into_iter()
        .filter(|&name| then.get(name) != now.get(name))
        .map(|name| {
            let of = |facts: &BTreeMap<String, String>| facts.get(name).cloned().unwrap_or_else(none);
            format!("{name} (then {}, now {})", of(then), of(now))
        })
        .collect()
}
