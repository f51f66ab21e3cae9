//! A model in C: its header, and the array for each layout.

use std::fmt::Write;

use telltale::engine::image::image;
use telltale::engine::kernel::Layout;

use super::Request;
use crate::console::is_obeyed;

/// Words of 32 bits in a line of an array.
const WORDS_IN_LINE: usize = 10;

/// The header: sizes, labels, the array's name.
pub(super) fn header(request: &Request<'_>) -> String {
    let (name, upper, model) = (request.name, request.name.to_uppercase(), request.model);
    let labels: Vec<&str> = model.labels().collect();
    let variants = telltale_build::variants(&labels);
    let mut enumeration = String::new();
    for (number, (variant, label)) in variants.iter().zip(&labels).enumerate() {
        let _ = writeln!(
            enumeration,
            "    {upper}_LABEL_{}{}, /* {} */",
            screaming(variant),
            if number == 0 { " = 0" } else { "" },
            remark(label)
        );
    }
    format!(
        "/* The model {name}, digest {digest:08x}: written by Telltale. */\n\
         #ifndef {upper}_H\n#define {upper}_H\n\n\
         #include \"telltale.h\"\n\n\
         #ifdef __cplusplus\nextern \"C\" {{\n#endif\n\n\
         /* Bytes of the model, and of the memory that it needs. */\n\
         #define {upper}_BYTES {bytes}u\n\
         #define {upper}_MEMORY {memory}u\n\n\
         #define {upper}_CLASSES {classes}\n\n\
         /* The classes, in order: what `category` says. */\n\
         enum {name}_label {{\n{enumeration}}};\n\n\
         /* Their labels, with a final zero. */\n\
         extern const char *const {name}_labels[{upper}_CLASSES];\n\n\
         /* The model, laid out for the core that {name}.c is compiled for. */\n\
         extern const uint32_t {name}[{words}];\n\n\
         #ifdef __cplusplus\n}}\n#endif\n\n#endif\n",
        digest = model.digest(),
        bytes = model.bytes(),
        memory = model.requirements().memory_bytes(),
        classes = labels.len(),
        words = model.bytes().div_ceil(4),
    )
}

/// The source: the array in the layouts that the cores read, and the labels.
pub(super) fn arrays(request: &Request<'_>) -> String {
    let (name, upper, model) = (request.name, request.name.to_uppercase(), request.model);
    let mut labels = String::new();
    for label in model.labels() {
        let _ = writeln!(labels, "    {},", literal(label));
    }
    format!(
        "/* The model {name}, digest {digest:08x}: written by Telltale. */\n\
         #include \"{name}.h\"\n\n\
         #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__\n\
         #error \"Telltale reads models on little-endian cores only\"\n\
         #endif\n\n\
         const char *const {name}_labels[{upper}_CLASSES] = {{\n{labels}}};\n\n\
         #if defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_7M__) || defined(__ARM_ARCH_8M_BASE__) || defined(__riscv)\n\
         /* For cores that multiply words. */\n\
         {quads}\
         #else\n\
         /* For cores that multiply pairs of halves, and for PCs. */\n\
         {pairs}\
         #endif\n",
        digest = model.digest(),
        quads = array(request, &image(model, Layout::Quads)),
        pairs = array(request, &image(model, Layout::Pairs)),
    )
}

/// The definition of the array.
fn array(request: &Request<'_>, bytes: &[u8]) -> String {
    let words: Vec<u32> = bytes
        .chunks(4)
        .map(|chunk| {
            let mut word = [0; 4];
            word[..chunk.len()].copy_from_slice(chunk);
            u32::from_le_bytes(word)
        })
        .collect();
    let mut text = format!(
        "const uint32_t {}[{}] __attribute__((aligned(TT_MODEL_ALIGN))) = {{\n",
        request.name,
        words.len()
    );
    for line in words.chunks(WORDS_IN_LINE) {
        let line: Vec<String> = line.iter().map(|word| format!("0x{word:08x}u,")).collect();
        let _ = writeln!(text, "    {}", line.join(" "));
    }
    text + "};\n"
}

/// A text as a C literal: what is not plain ASCII is escaped, and so is what would end a comment or begin a trigraph.
fn literal(text: &str) -> String {
    let mut literal = "\"".to_owned();
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' | b'?' | b'*' | b'/' | 0..0x20 | 0x7F.. => {
                let _ = write!(literal, "\\{byte:03o}");
            }
            plain => literal.push(plain.into()),
        }
    }
    literal + "\""
}

/// A text within a comment of C, which it does not end; nothing in it turns the direction of writing.
fn remark(text: &str) -> String {
    let shown: String = text.chars().filter(|c| !is_obeyed(*c)).collect();
    shown.replace("*/", "* /").replace("/*", "/ *").replace('\\', "\\ ")
}

/// `NotSoGood` → `NOT_SO_GOOD`; two names that differ stay different.
fn screaming(camel: &str) -> String {
    let mut name = String::new();
    for letter in camel.chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_literals_of_c() {
        assert_eq!(literal("so-so"), "\"so-so\"");
        assert_eq!(literal("a\"b\\c*/??é"), "\"a\\042b\\134c\\052\\057\\077\\077\\303\\251\"");
        assert_eq!(remark("日\u{202E}本*/"), "日本* /");
        assert_eq!(screaming("NotSoGood"), "NOT_SO_GOOD");
    }
}
