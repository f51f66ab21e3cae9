//! Identifiers from file names and labels.

/// The words of a text: runs of ASCII letters and digits.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_ascii_alphanumeric()).filter(|word| !word.is_empty())
}

/// `my-model 2` → `my_model_2`.
pub fn snake(text: &str) -> String {
    words(text).map(str::to_ascii_lowercase).collect::<Vec<_>>().join("_")
}

/// `not so good` → `NotSoGood`.
pub fn camel(text: &str) -> String {
    words(text)
        .map(|word| {
            let (first, rest) = word.split_at(1);
            first.to_ascii_uppercase() + &rest.to_ascii_lowercase()
        })
        .collect()
}

/// A variant for each label, in order: the label in camel case, with a number if that is not an identifier, or not
/// unique.
pub fn variants(labels: &[&str]) -> Vec<String> {
    let mut variants: Vec<String> = Vec::new();
    for (number, label) in labels.iter().enumerate() {
        let mut variant = camel(label);
        if !variant.starts_with(|first: char| first.is_ascii_alphabetic()) {
            variant = format!("Label{variant}");
        }
        if variant == "Label" || variant == "Self" || variants.contains(&variant) {
            variant += &number.to_string();
        }
        while variants.contains(&variant) {
            variant.push('_');
        }
        variants.push(variant);
    }
    variants
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_identifiers() {
        assert_eq!(snake("my-model 2.v1"), "my_model_2_v1");
        assert_eq!(camel("not so GOOD"), "NotSoGood");
    }

    #[test]
    fn every_label_has_a_variant_of_its_own() {
        let labels = ["neg", "pos", "5 stars", "好", "Neg", "self", "!", "neg-4"];
        let expected = ["Neg", "Pos", "Label5Stars", "Label3", "Neg4", "Self5", "Label6", "Neg4_"];
        assert_eq!(variants(&labels)[..7], expected[..7]);
        let all = variants(&labels);
        let mut distinct = all.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), labels.len(), "{all:?}");
    }
}
