//! `bench eval`: words per second of the integer engine on this PC.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args as ClapArgs;
use serde::Serialize;
use telltale::Model;

use super::synthetic::{Extras, Shape, blob};
use crate::command::write_json;
use crate::console::say;
use crate::engine::{Item, ReadWith, Reading, classify_all};
use crate::model::Pooling;

const TEXTS: usize = 2000;
const WORDS: usize = 230;

/// Words per second of the integer engine on this PC, on one thread and on all
#[derive(ClapArgs, Clone, Debug)]
pub struct Args {
    #[command(flatten)]
    shape: Shape,
    /// Results as JSON; `-` is standard output
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Serialize)]
struct Report {
    words: usize,
    threads: usize,
    one_thread_words_per_second: f64,
    all_threads_words_per_second: f64,
}

/// Runs the verb.
///
/// # Errors
/// If the network is impossible or threads cannot be started.
pub fn run(args: &Args) -> Result<()> {
    crate::files::Paths::default().print("--json", &args.json).check()?;
    let bytes = blob(&args.shape, Pooling::Mean, Extras::NONE)?;
    let model = Model::open(&bytes)?;
    let word = |at: usize| Item::Known((at % 1000) as u32);
    let text: Vec<Vec<Item>> =
        (0..TEXTS).map(|text| (0..WORDS).map(|at| word(text * 31 + at * 17)).collect()).collect();
    let texts: Vec<Reading<'_>> = text.iter().map(|items| Reading { items, truth: 0 }).collect();
    let speed = |threads: usize| -> Result<f64> {
        let pool =
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().context("cannot start threads")?;
        let started = Instant::now();
        pool.install(|| classify_all(&model, &texts, ReadWith::Whole))?;
        Ok((TEXTS * WORDS) as f64 / started.elapsed().as_secs_f64())
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let report = Report {
        words: TEXTS * WORDS,
        threads,
        one_thread_words_per_second: speed(1)?,
        all_threads_words_per_second: speed(threads)?,
    };
    say!("{} {} → {}:", args.shape.cell, args.shape.embed, args.shape.hidden);
    say!("1 thread:  {:.0} words/s", report.one_thread_words_per_second);
    say!("{threads} threads: {:.0} words/s", report.all_threads_words_per_second);
    write_json(args.json.as_ref(), &report)
}
