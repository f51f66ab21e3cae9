//! Numbers and sentences in ASCII, without `core::fmt`, which would take a tenth of a program.

use core::fmt;

/// The most digits of a number.
pub(crate) const DIGITS: usize = 10;

/// The digits of a number to a base of 10 or 16, at least `least` of them, at the end of `text`.
#[inline(never)]
pub(crate) fn digits(mut number: u32, base: u32, least: usize, text: &mut [u8; DIGITS]) -> &[u8] {
    let mut start = text.len();
    for (before, digit) in text.iter_mut().enumerate().rev() {
        let value = (number % base) as u8;
        *digit = if value < 10 { b'0' + value } else { b'a' - 10 + value };
        number /= base;
        start = before;
        if number == 0 && before + least <= DIGITS {
            break;
        }
    }
    text.get(start..).unwrap_or(&[])
}

/// Gives the end of an error's sentence to `put`, piece by piece: the number found, and the least and the greatest
/// expected.
pub(crate) fn say_numbers(put: &mut dyn FnMut(&[u8]), found: Option<u32>, expected: Option<[u32; 2]>) {
    if let Some(found) = found {
        say_number(put, b": found ", found);
    }
    if let Some([least, most]) = expected {
        say_number(put, b", expected ", least);
        if least != most {
            say_number(put, b" to ", most);
        }
    }
}

#[inline(never)]
fn say_number(put: &mut dyn FnMut(&[u8]), before: &[u8], number: u32) {
    put(before);
    put(digits(number, 10, 1, &mut [0; DIGITS]));
}

/// What `say` gives, for `core::fmt`.
pub(crate) fn formatted(f: &mut fmt::Formatter<'_>, say: impl FnOnce(&mut dyn FnMut(&[u8]))) -> fmt::Result {
    let mut result = Ok(());
    say(&mut |piece| {
        result = result.and_then(|()| f.write_str(core::str::from_utf8(piece).unwrap_or("")));
    });
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_digits() {
        let say = |number, base, least| {
            let mut text = [0; DIGITS];
            String::from_utf8(digits(number, base, least, &mut text).to_vec()).expect("ASCII")
        };
        assert_eq!(say(0, 10, 1), "0");
        assert_eq!(say(u32::MAX, 10, 1), "4294967295");
        assert_eq!(say(7, 10, 4), "0007");
        assert_eq!(say(0xBEEF, 16, 8), "0000beef");
    }
}
