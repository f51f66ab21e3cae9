use super::characters::{Class, class};
use super::markup::TAG_LIMIT;
use super::normalise::ORDERED;
use super::*;
use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

/// The characters of a text as one string, and its words with a mark before those of symbols.
fn tokens(chunks: &[&[u8]]) -> (String, Vec<String>) {
    tokens_with(Options { punctuation: true, tags: false }, chunks)
}

fn tokens_with(options: Options, chunks: &[&[u8]]) -> (String, Vec<String>) {
    let (mut characters, mut words) = (String::new(), Vec::new());
    let mut tokeniser = Tokeniser::new(options);
    let mut keep = |token: Token<'_>| match token {
        Token::Character(code) => characters.push(char::from_u32(code).expect("a scalar value")),
        Token::Word(word) if word.is_symbol() => words.push(format!("·{}", word.as_str())),
        Token::Word(word) => words.push(word.as_str().to_owned()),
    };
    chunks.iter().for_each(|chunk| tokeniser.feed(chunk, &mut keep));
    tokeniser.finish(&mut keep);
    (characters, words)
}

fn words(text: impl AsRef<[u8]>) -> Vec<String> {
    tokens(&[text.as_ref()]).1
}

fn characters(text: impl AsRef<[u8]>) -> String {
    tokens(&[text.as_ref()]).0
}

/// The words that are none of symbols.
fn plain(text: impl AsRef<[u8]>) -> Vec<String> {
    words(text).into_iter().filter(|word| !word.starts_with('·')).collect()
}

#[test]
fn words_of_ordinary_text() {
    assert_eq!(plain("It's NOT the dogs' 2nd film."), ["its", "not", "the", "dogs", "2nd", "film"]);
    assert_eq!(plain("rock’n’roll ''quoted'' 1950's"), ["rocknroll", "quoted", "1950", "s"]);
    assert_eq!(plain("o''clock a'"), ["o", "clock", "a"]);
    assert_eq!(words(""), [""; 0]);
    assert_eq!(plain("ÉCOLE Straße ΣΊΣΥΦΟΣ İx Ⅷ"), ["école", "straße", "σίσυφοσ", "ix", "ⅷ"]);
}

#[test]
fn symbols_make_words() {
    assert_eq!(words("great :) c++ +5 -"), ["great", "·:)", "c", "·++", "·+", "5", "·-"]);
    assert_eq!(words("what?! no.... ok!!!!!!"), ["what", "·?!", "no", "·...", "ok", "·!!!"]);
    assert_eq!(words("dogs' C# I <3 u"), ["dogs", "·'", "c", "·#", "i", "·<", "3", "u"]);
    assert_eq!(words("good😀😀 ok"), ["good", "·😀", "·😀", "ok"]);
    assert_eq!(words("❤️ 👍🏽👍 👨‍👩‍👧👶 🇩🇪🇫🇷"), ["·❤", "·👍🏽", "·👍", "·👨‍👩‍👧", "·👶", "·🇩🇪", "·🇫🇷"]);
    assert_eq!(words("5️⃣ 、。"), ["5", "·、", "·。"]);
    assert_eq!(tokens_with(Options::default(), &[b"well :) done!"]).1, ["well", "done"]);
}

#[test]
fn tags_are_text_where_a_model_reads_them() {
    let text = "<P class=\"x\">Hi</p> a<br/>b &lt;i&gt; <!-- c -->";
    assert_eq!(words(text), ["hi", "a", "b", "·<", "i", "·>"]);
    let options = Options { punctuation: true, tags: true };
    let (characters, words) = tokens_with(options, &[text.as_bytes()]);
    assert_eq!(characters, "<p class=\"x\">hi</p> a<br/>b <i> <!-- c -->");
    let start =
        ["·<", "p", "class", "·=\"", "x", "·\">", "hi", "·</", "p", "·>", "a", "·<", "br", "·/>", "b"];
    assert_eq!(words[..start.len()], start);
    assert_eq!(words[start.len()..], ["·<", "i", "·>", "·<!--", "c", "·-->"]);
    for cut in 0..text.len() {
        let (before, behind) = text.as_bytes().split_at(cut);
        assert_eq!(tokens_with(options, &[before, behind]), (characters.clone(), words.clone()), "{cut}");
    }
    assert_eq!([0, 1, 2, 3].map(|bits| Options::of_bits(bits).bits()), [0, 1, 2, 3]);
}

#[test]
fn characters_come_in_order_around_words() {
    let mut seen = String::new();
    let mut tokeniser = Tokeniser::new(Options { punctuation: true, tags: false });
    let mut keep = |token: Token<'_>| match token {
        Token::Character(code) => seen.push(char::from_u32(code).expect("a scalar value")),
        Token::Word(word) => seen.push_str(&format!("[{}]", word.as_str())),
    };
    tokeniser.feed("  Don't\u{AD} <b>go</b>, a'  b映\u{300}. \n".as_bytes(), &mut keep);
    tokeniser.finish(&mut keep);
    assert_eq!(seen, "don't[dont] go[go] ,[,] a[a]'['] b[b]映\u{300}[映\u{300}].[.]");
}

#[test]
fn tags_vanish_and_separate() {
    for tag in [
        "<br />",
        "<br/>",
        "</p>",
        "<!-- y -- > z -->",
        "<i>",
        "<BR>",
        "<a href=\"x>y\">",
        "<div class=x>",
        "<DIV CLASS='a' id=b>",
        "<input type=\"checkbox\" checked>",
        "<script async\n src=x>",
        "<hr noshade/>",
        "</ul >",
        "<!DOCTYPE html PUBLIC \"-//W3C\">",
        "<?xml version=\"1.0\"?>",
        "<h1>",
        "<!---->",
    ] {
        assert_eq!(words(format!("good{tag}bad")), ["good", "bad"], "{tag}");
        assert_eq!(characters(format!("good{tag} {tag}bad{tag}")), "good bad", "{tag}");
    }
}

#[test]
fn what_is_no_tag_is_text() {
    for text in [
        "a<b",
        "vec<u8> x",
        "<oct 20th>",
        "x < y",
        "is <clean and",
        "<loud",
        "a <b and c> d",
        "<3",
        "</3",
        "<",
        "a <",
        "<>",
        "< br>",
        "</>",
        "<b",
        "</b",
        "<b ",
        "<a href",
        "<foo@bar.com>",
        "<http://x.y>",
        "<b <b",
        "list<Object>",
        "<!x>",
        "<!-",
        "<a =b>",
        "<blockquote hidden inert nowrap open>",
    ] {
        let seen = characters(text);
        assert_eq!(seen, text.trim_end().to_lowercase(), "{text}");
    }
    assert_eq!(words("<clean and"), ["·<", "clean", "and"]);
    assert_eq!(plain("a <<b>c"), ["a", "c"]);
    let open = format!("a <b c={} lost found", "x".repeat(TAG_LIMIT.into()));
    assert_eq!(plain(open), ["a", "lost", "found"]);
}

#[test]
fn entities_are_characters() {
    assert_eq!(
        characters("a&amp;b &lt;B&gt; &quot;&#39;&apos;&#x27;&#X2019; x&nbsp;y"),
        "a&b <b> \"'''' x y"
    );
    assert_eq!(
        plain("caf&eacute; &Uuml;ber na&iuml;ve stra&szlig;e &#233;t&#xE9;"),
        ["café", "über", "naïve", "straße", "été"]
    );
    assert_eq!(words("I &hearts; 3&deg; &larr; &OElig;uvre"), ["i", "·♥", "3", "·°", "·←", "œuvre"]);
    assert_eq!(words("don&#8217;t don&rsquo;t ent&shy;t&auml;uschung"), ["dont", "dont", "enttäuschung"]);
    for text in [
        "at&t",
        "&",
        "&;",
        "& x",
        "&#;",
        "&#x;",
        "&#xg;",
        "&nonsense;",
        "&ampamp",
        "&am p;",
        "a&&b",
        "&#12345678901;",
    ] {
        assert_eq!(characters(text), text);
    }
    assert_eq!(characters("a&#0;b&#xD800;c&#1114112;d&amp"), "a b c d&amp");
    assert_eq!(characters("&&lt;&amp;lt;"), "&<&lt;");
}

#[test]
fn scripts_without_spaces_give_one_word_a_character() {
    assert_eq!(plain("映画はABC良い𠀀ー"), ["映", "画", "は", "abc", "良", "い", "𠀀", "ー"]);
    assert_eq!(plain("영화가 좋다"), ["영화가", "좋다"]);
    assert_eq!(plain("हिन्दी ❤️ 😀"), ["हिन्दी"]);
    assert_eq!(plain("ดีมาก ที่นี่ ๒๕"), ["ดี", "ม", "า", "ก", "ที่", "นี่", "๒๕"]);
    assert_eq!(plain("ດີຫຼາຍ"), ["ດີ", "ຫຼ", "າ", "ຍ"]);
    assert_eq!(plain("ស្អាត"), ["ស្", "អា", "ត"]);
    assert_eq!(plain("ကောင်းသည်။"), ["ကော", "င်း", "သ", "ည်"].map(|word| word.to_owned()));
    assert_eq!(characters("ที่ นี่"), "ที่ นี่");
}

#[test]
fn spellings_that_look_the_same_are_the_same() {
    for (one, other) in [
        ("cafe\u{301}", "café"),
        ("CAFE\u{301}", "café"),
        ("e\u{302}\u{323}", "ệ"),
        ("e\u{323}\u{302}", "ệ"),
        ("ê\u{323}", "ệ"),
        ("ẹ\u{302}", "ệ"),
        ("Việt Nam đẹp", "Vie\u{323}\u{302}t Nam đe\u{323}p"),
        ("ω\u{314}\u{342}\u{345}", "ᾧ"),
        ("ά", "\u{1F71}"),
        ("й", "и\u{306}"),
        ("か\u{3099}", "が"),
        ("ｶﾞｷﾞﾊﾟｰ", "ガギパー"),
        ("ＡＢＣ　１２！", "abc 12!"),
        ("\u{1112}\u{1161}\u{11AB}\u{1100}\u{1173}\u{11AF}", "한글"),
        ("\u{1112}\u{1161}", "하"),
        ("하\u{11AB}", "한"),
        ("ﾡ", "ㄱ"),
        ("Ent\u{AD}täu\u{AD}schung", "Enttäuschung"),
        ("می\u{200C}روم", "میروم"),
        ("क्\u{200D}ष", "क्ष"),
        ("\u{FEFF}zero\u{200B}width\u{2060}", "zerowidth"),
        ("\u{200E}rtl\u{202E}", "rtl"),
        ("здоров\u{2BC}я", "здоров'я"),
        ("don’t", "don't"),
        ("don‘t", "don't"),
        ("don`t", "don't"),
        ("don´t", "don't"),
        ("don′t", "don't"),
        ("don＇t", "don't"),
        ("don\u{92}t", "don't"),
        ("“x” „x‟", "\"x\" \"x\""),
        ("a–b—c−d‐e", "a-b-c-d-e"),
        ("a\u{A0}b\u{202F}c\u{3000}d\u{85}e", "a b c d e"),
        ("ﬁne oﬀer ﬄ ﬆ", "fine offer ffl st"),
        ("wait…", "wait..."),
        ("İstanbul IĞDIR", "istanbul iğdir"),
        ("I\u{307}stanbul ı", "istanbul i"),
        ("ΟΔΟΣ", "οδος"),
        ("ſo", "so"),
        ("Å K Ω", "å k ω"),
        ("مـــرحبا", "مرحبا"),
        ("\u{64E}\u{651}", "\u{64E}\u{651}"),
        ("م\u{651}\u{64E}", "م\u{64E}\u{651}"),
        ("ש\u{5BC}\u{5B8}", "ש\u{5B8}\u{5BC}"),
        ("ก\u{E48}\u{E38}", "ก\u{E38}\u{E48}"),
        ("أ\u{650}", "ا\u{650}\u{654}"),
        ("❤\u{FE0F}", "❤"),
        ("😀\u{200D} 😀\u{200D}x", "😀 😀x"),
        ("ো", "\u{9C7}\u{9BE}"),
        ("ẛ", "ṡ"),
        ("\u{95D}", "\u{922}\u{93C}"),
        ("\u{9DC}\u{9DF}", "\u{9A1}\u{9BC}\u{9AF}\u{9BC}"),
        ("\u{A5E}", "\u{A2B}\u{A3C}"),
        ("\u{FB2C}", "\u{5E9}\u{5C1}\u{5BC}"),
        ("\u{FB2A}\u{5BC}", "\u{FB49}\u{5C1}"),
        ("\u{FB1D}", "\u{5D9}\u{5B4}"),
        ("\u{F43}\u{F69}", "\u{F42}\u{FB7}\u{F40}\u{FB5}"),
        ("น้ำ", "น\u{E49}\u{E4D}\u{E32}"),
        ("ຄຳ", "ຄ\u{ECD}\u{EB2}"),
        ("น้ำ", "น\u{E4D}\u{E49}\u{E32}"),
        ("เเก้ว ເເກ້ວ", "แก้ว ແກ້ວ"),
        ("5 \u{B5}g", "5 \u{3BC}g"),
        ("ນ້ຳ", "ນ\u{ECD}\u{EC9}\u{EB2}"),
        ("𝐆𝓻𝖾𝚊𝕥 ℎ𝒽ℌ 𝟗𝟘", "great hhh 90"),
        ("\u{FEE3}\u{FEAE}\u{FEA3}\u{FE92}\u{FE8E}", "مرحبا"),
        ("\u{FEFB}\u{FEF7}\u{FEF2}\u{FE80}", "لالأيء"),
        ("\u{FB56}\u{FBFE}\u{FB90}", "پیک"),
        ("کتاب فارسی", "كتاب فارسي"),
        ("și țară", "şi ţară"),
        ("s\u{326}i s\u{327}i", "și și"),
        ("ג׳ צה״ל", "ג' צה\"ל"),
    ] {
        assert_eq!(tokens(&[one.as_bytes()]), tokens(&[other.as_bytes()]), "{one} {other}");
    }
}

#[test]
fn spellings_that_differ_stay_different() {
    for (one, other) in [
        ("schon", "schön"),
        ("e\u{302}\u{301}", "e\u{301}\u{302}"),
        ("strasse", "straße"),
        ("x²", "x2"),
        ("а", "a"),
        ("שָ", "ש"),
        ("👨‍👩", "👨👩"),
    ] {
        assert_ne!(tokens(&[one.as_bytes()]), tokens(&[other.as_bytes()]), "{one} {other}");
    }
}

#[test]
fn many_marks_stay_in_bounds() {
    let many = "\u{323}\u{302}".repeat(50);
    assert_eq!(characters(format!("e{many}x")).chars().last(), Some('x'));
    assert_eq!(
        characters(format!("ᾧ{}", "\u{301}".repeat(5))).chars().filter(|&mark| mark == '\u{301}').count(),
        5
    );
}

#[test]
fn invalid_utf8_separates() {
    assert_eq!(words(b"ab\xFFcd\xC3ef\xE2\x82gh\0ij"), ["ab", "cd", "ef", "gh", "ij"]);
    assert_eq!(words(b"a\xC0\xAFb\xED\xA0\x80c\xF4\x90\x80\x80d\xE2\x82\xC3\xA9"), ["a", "b", "c", "d", "é"]);
}

#[test]
fn a_long_word_is_hashed_whole_and_shown_cut() {
    let long = "é".repeat(5000);
    let mut seen = Vec::new();
    let mut keep = |token: Token<'_>| {
        if let Token::Word(word) = token {
            seen.push(*word);
        }
    };
    let mut tokeniser = Tokeniser::new(Options::default());
    tokeniser.feed(long.as_bytes(), &mut keep);
    tokeniser.feed(format!(" x{}x", "é".repeat(15)).as_bytes(), &mut keep);
    tokeniser.finish(&mut keep);
    assert_eq!((seen[0].hash(), seen[0].as_str()), (Word::hash_of(long.as_bytes()), &*"é".repeat(16)));
    assert_eq!(seen[1].as_str().len(), WORD_BYTES);
    assert_eq!(plain(format!("x{}", "é".repeat(20)))[0], format!("x{}", "é".repeat(15)));
}

#[test]
fn fnv_1a_has_its_published_values() {
    assert_eq!(Word::hash_of(b""), 0x811C_9DC5);
    assert_eq!(Word::hash_of(b"a"), 0xE40C_292C);
    assert_eq!(Word::hash_of(b"foobar"), 0xBF9C_F968);
}

/// What every character by itself becomes, as one number: tokens never change under a format version.
#[test]
fn every_character_is_what_it_has_been() {
    let mut all = Vec::new();
    let mut tokeniser = Tokeniser::new(Options { punctuation: true, tags: false });
    let mut keep = |token: Token<'_>| match token {
        Token::Character(code) => all.extend(code.to_le_bytes()),
        Token::Word(word) => all.extend(word.hash().to_le_bytes()),
    };
    for character in '\0'..=char::MAX {
        tokeniser.feed(character.encode_utf8(&mut [0; 4]).as_bytes(), &mut keep);
        tokeniser.finish(&mut keep);
    }
    assert_eq!(Word::hash_of(&all), 0x5030_99AC);
}

/// The tables and the compiler's own data agree wherever both know a character.
#[test]
fn lower_casing_is_the_simple_mapping() {
    let one = |character: char| characters(character.to_string());
    let mut others = Vec::new();
    for character in 'A'..'\u{10000}' {
        let lower = character.to_lowercase().next().expect("one at least");
        if lower != character && one(character) != one(lower) {
            others.push(character);
        }
    }
    // Those that are younger than the tables.
    assert!(others.len() <= 8, "their lower case reads otherwise: {others:?}");
}

#[test]
fn letters_and_digits_are_in_words() {
    let is_word =
        |character: char| matches!(class(character.into()), Class::Letter | Class::Alone | Class::Mark);
    let letters = ('\u{80}'..'\u{10000}').filter(|character| character.is_alphanumeric());
    let missing = letters.filter(|&character| !is_word(character)).count();
    // Circled letters.
    assert!(missing <= 53, "{missing} missing");
    let symbols = "«»¡¿§©®°±¶·×÷‹›†•‰€№™←∀∞≠⌘■☃✓❤、。「」・〜﷼￥�😀🇩𝄞";
    assert_eq!(symbols.chars().find(|&symbol| is_word(symbol)), None);
}

/// Texts of one script each, in which composition matters.
fn spelt() -> impl Strategy<Value = String> {
    let marks = || proptest::char::range('\u{300}', '\u{345}');
    let latin = prop_oneof![
        proptest::char::range('A', 'z'),
        proptest::char::range('\u{C0}', '\u{24F}'),
        proptest::char::range('\u{1E00}', '\u{1EFF}'),
        marks(),
    ];
    let greek = prop_oneof![
        proptest::char::range('\u{370}', '\u{3FF}'),
        proptest::char::range('\u{1F00}', '\u{1FFF}'),
        marks(),
    ];
    let jamo = prop_oneof![
        proptest::char::range('\u{1100}', '\u{11FF}'),
        proptest::char::range('\u{AC00}', '\u{D7A3}'),
    ];
    let of = |character: BoxedStrategy<char>| {
        proptest::collection::vec(character, 0..10).prop_map(String::from_iter).boxed()
    };
    let block = |first, last| of(proptest::char::range(first, last).boxed());
    prop_oneof![
        4 => of(latin.boxed()),
        2 => of(greek.boxed()),
        1 => of(prop_oneof![proptest::char::range('\u{400}', '\u{4FF}'), marks()].boxed()),
        1 => of(jamo.boxed()),
        1 => block('\u{590}', '\u{5FF}'),
        1 => block('\u{600}', '\u{6FF}'),
        1 => block('\u{900}', '\u{97F}'),
        1 => block('\u{980}', '\u{9FF}'),
        1 => block('\u{B80}', '\u{BFF}'),
        1 => block('\u{C00}', '\u{C7F}'),
        1 => block('\u{D00}', '\u{D7F}'),
        1 => block('\u{E00}', '\u{EFF}'),
        1 => block('\u{3041}', '\u{30FF}'),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Unicode's own normal forms of a text read the same, but for letters of more marks than are put in order.
    #[test]
    fn composed_and_decomposed_read_the_same(text in spelt()) {
        let [composed, decomposed] = [text.nfc().collect::<String>(), text.nfd().collect()];
        let marks = decomposed.split(|character| canonical_combining_class(character) == 0);
        prop_assume!(marks.map(|marks| marks.chars().count()).max() <= Some(ORDERED));
        prop_assert_eq!(tokens(&[composed.as_bytes()]), tokens(&[decomposed.as_bytes()]));
    }

    #[test]
    fn chunking_never_changes_tokens(
        text in prop::collection::vec(prop_oneof![
            any::<u8>().prop_map(|byte| vec![byte]),
            any::<char>().prop_map(|character| character.to_string().into_bytes()),
            spelt().prop_map(String::into_bytes),
            prop::sample::select(vec![
                "<", ">", "'", " ", "a", "b", "=", "\"", "<b", "</", "<a href=", "&", ";", "&lt;", "#x41", "-->", "<!--",
                "e\u{301}", "\u{200D}", "😀", "👍🏽", "🇩🇪", "🇩", "!", "ที่",
            ]).prop_map(|text| text.as_bytes().to_vec()),
        ], 0..60),
        cuts in prop::collection::vec(0usize..200, 0..8),
    ) {
        let bytes = text.concat();
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.sort_unstable();
        let mut chunks = Vec::new();
        let mut start = 0;
        for cut in cuts {
            chunks.push(&bytes[start..cut]);
            start = cut;
        }
        chunks.push(&bytes[start..]);
        prop_assert_eq!(tokens(&[&bytes]), tokens(&chunks));
        // Without the short cut for ASCII.
        let (mut slow, mut fast) = (Vec::new(), Vec::new());
        let mut tokeniser = Tokeniser::new(Options { punctuation: true, tags: false });
        let note = |to: &mut Vec<u32>, token: Token<'_>| to.push(match token {
            Token::Character(code) => code,
            Token::Word(word) => word.hash(),
        });
        bytes.iter().for_each(|&byte| tokeniser.push(byte, &mut |token| note(&mut slow, token)));
        tokeniser.finish(&mut |token| note(&mut slow, token));
        tokeniser.feed(&bytes, &mut |token| note(&mut fast, token));
        tokeniser.finish(&mut |token| note(&mut fast, token));
        prop_assert_eq!(slow, fast);
    }

    /// No byte that is text is lost to a tag or an entity that is none.
    #[test]
    fn nothing_is_lost_without_a_closing_bracket(text in "[<&/ab rx1-]{0,60}") {
        let visible: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
        prop_assert_eq!(characters(&text), visible);
    }

    #[test]
    fn decoding_agrees_with_core(bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0x80u8..0xC0, 0xE0u8..0xF8], 0..40)) {
        let mut decoder = Decoder::new();
        let mut valid = String::new();
        for &byte in bytes.iter().chain(b" ") {
            if let Decoded::Character(code) | Decoded::InvalidThen(code) = decoder.push(byte) {
                valid.push(char::from_u32(code).expect("the decoder gives scalar values"));
            }
        }
        let expected: String = bytes.utf8_chunks().map(|chunk| chunk.valid().to_owned()).collect();
        prop_assert_eq!(valid, expected + " ");
        prop_assert_eq!(is_utf8(&bytes), core::str::from_utf8(&bytes).is_ok());
    }
}
