//! Prints the measures of a model by class.

use crate::console::{columns, left, say, warn};
use crate::corpus::count;
use crate::evaluate::measures::{ClassMeasures, Measures};

/// Up to this many classes are all shown.
pub const SHOWN_CLASSES: usize = 12;

/// Of more, this many are shown.
const WORST_CLASSES: usize = 10;

/// Prints precision, recall and F1 by class: of all classes, or of the worst, with what they are mistaken for.
pub fn print_measures(measures: &Measures) {
    say!(
        "macro-F1 {:.2} %, expected calibration error {:.2} %",
        measures.macro_f1 * 100.0,
        measures.calibration_error * 100.0
    );
    let mut classes: Vec<&ClassMeasures> =
        measures.per_class.iter().filter(|own| own.support + own.answered > 0).collect();
    let all = classes.len();
    let is_many = measures.per_class.len() > SHOWN_CLASSES;
    if is_many {
        classes.sort_by(|a, b| a.f1.total_cmp(&b.f1));
        classes.truncate(WORST_CLASSES);
    }
    let width = classes.iter().map(|own| columns(&own.label)).max().unwrap_or(0);
    let title = if is_many { format!("the worst {} of {all} classes", classes.len()) } else { String::new() };
    let width = width.max(columns(&title));
    say!("{title:<width$} {:>10} {:>9} {:>9} {:>7}", "precision", "recall", "F1", "texts");
    for own in classes {
        say!(
            "{} {:>8.2} % {:>7.2} % {:>7.2} % {:>7}",
            left(&own.label, width),
            own.precision * 100.0,
            own.recall * 100.0,
            own.f1 * 100.0,
            own.support
        );
    }
    if is_many {
        let label = |class: usize| &measures.per_class[class].label[..];
        let mistakes: Vec<String> = measures
            .confusion
            .mistakes()
            .iter()
            .take(WORST_CLASSES)
            .map(|own| format!("{} as {} {}", label(own.truth), label(own.answer), own.texts))
            .collect();
        if !mistakes.is_empty() {
            say!("taken for another most often: {}", mistakes.join(", "));
        }
    }
    let never: Vec<String> = measures
        .never_answered()
        .map(|own| format!("{} ({})", own.label, count(own.support as usize, "text")))
        .collect();
    if !never.is_empty() {
        let texts: usize = measures.per_class.iter().map(|own| own.support as usize).sum();
        let classes = measures.per_class.len();
        let is_rare = measures.never_answered().any(|own| own.support as usize * classes < texts);
        let hint = if is_rare { "train with --balance?" } else { "do the texts tell the classes apart?" };
        warn(&format!("never answered: {} ({hint})", never.join(", ")));
    }
}
