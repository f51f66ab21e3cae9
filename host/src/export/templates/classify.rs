//! Answers its arguments, a text each.

fn main() -> Result<(), {{crate}}::OpenError> {
    let mut classifier = {{crate}}::Classifier::new()?;
    for text in std::env::args().skip(1) {
        let answer = classifier.classify(&text);
        let label = if answer.rejected { "?" } else { answer.label.as_str() };
        println!("{label} {}", answer.probability);
    }
    Ok(())
}
