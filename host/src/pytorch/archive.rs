//! The archive that `torch.save` writes: a zip of a pickle and of the tensors' storages.

use std::collections::HashSet;
use std::io::{Cursor, Read};

use anyhow::{Context, Result, anyhow, bail, ensure};
use zip::ZipArchive;
use zip::result::ZipError;

use super::pickle::{Id, Pickle, Value};
use super::state::{Other, OtherKind, State, Tensor, float_type, floats};

/// The longest pickle that is read; a state dict's has about 150 bytes a tensor.
const LONGEST_PICKLE: u64 = 64 << 20;

/// How deep in a checkpoint state dicts are looked for.
const DEEPEST: usize = 6;

type Archive<'z> = ZipArchive<Cursor<&'z Vec<u8>>>;

/// Reads the state dict of an archive: the one under `key`, or the only one that has a recurrent layer.
///
/// # Errors
/// If the archive is no `torch.save`'s, is damaged, or several state dicts could be meant.
pub fn read(bytes: Cursor<&Vec<u8>>, key: Option<&str>) -> Result<State> {
    let whole = bytes.get_ref().len();
    let mut zip = ZipArchive::new(bytes).ok().context("the archive is cut short or damaged")?;
    let names: Vec<String> = zip.file_names().map(str::to_owned).collect();
    let pickle = names
        .iter()
        .find(|name| *name == "data.pkl" || name.ends_with("/data.pkl"))
        .context("a zip, but not one of torch.save: it has no data.pkl")?;
    let folder = pickle.strip_suffix("data.pkl").unwrap_or_default();
    ensure!(
        !names.iter().any(|name| name.starts_with(&format!("{folder}code/"))),
        "a TorchScript module: save its state dict with torch.save(torch.jit.load(…).state_dict(), …)"
    );
    if let Ok(order) = entry(&mut zip, &format!("{folder}byteorder"), 16) {
        ensure!(order == b"little", "its numbers are big-endian: save it on a little-endian machine");
    }
    let pickle = Pickle::read(&entry(&mut zip, pickle, LONGEST_PICKLE)?)?;
    let found = choose(&pickle, key)?;
    let mut reader = Reader { zip, folder, pickle: &pickle, room: 8 * whole };
    let mut states = Vec::new();
    for dict in &found {
        let state = reader.state(dict)?;
        let same = |other: &State| (&other.tensors, &other.others) == (&state.tensors, &state.others);
        if !states.iter().any(same) {
            states.push(state);
        }
    }
    let several: Vec<String> = states.iter().map(|state| format!("`{}`", state.key)).collect();
    let mut states = states.into_iter();
    match (states.next(), states.next()) {
        (Some(state), None) => Ok(State { beside: beside(&pickle, &state.key), ..state }),
        (None, _) => Ok(State::default()),
        _ => bail!(
            "several state dicts with a recurrent layer: {}; say which with `state_dict` in the configuration",
            several.join(", ")
        ),
    }
}

/// An entry's bytes, `most` at most.
fn entry(zip: &mut Archive<'_>, name: &str, most: u64) -> Result<Vec<u8>> {
    let mut file = zip.by_name(name).map_err(|error| match error {
        ZipError::FileNotFound => anyhow!("the archive has no {name}"),
        error => anyhow!("{name} cannot be read ({error}): torch.save writes its archives uncompressed"),
    })?;
    ensure!(file.size() <= most, "{name} is larger than {most} bytes");
    let mut bytes = Vec::new();
    file.by_ref()
        .take(most)
        .read_to_end(&mut bytes)
        .with_context(|| format!("{name} in the archive is damaged"))?;
    Ok(bytes)
}

/// A dict that has tensors.
struct Candidate {
    key: String,
    dict: Id,
    tensors: usize,
    recurrent: bool,
}

/// The state dicts that may be meant.
fn choose(pickle: &Pickle, key: Option<&str>) -> Result<Vec<Candidate>> {
    let mut search = Search { pickle, seen: HashSet::new(), dicts: Vec::new(), module: None };
    search.visit(pickle.root(), "", 0);
    let Search { dicts, module, .. } = search;
    let keys = || dicts.iter().map(|dict| format!("`{}`", dict.key)).collect::<Vec<_>>().join(", ");
    if let Some(key) = key {
        ensure!(
            dicts.iter().any(|dict| dict.key == key),
            "there is no state dict under `{key}` (`state_dict` of the configuration); there are: {}",
            keys()
        );
        return Ok(dicts.into_iter().filter(|dict| dict.key == key).collect());
    }
    if dicts.iter().any(|dict| dict.recurrent) {
        return Ok(dicts.into_iter().filter(|dict| dict.recurrent).collect());
    }
    if let Some(class) = module {
        bail!(
            "a whole module (class {class}) was saved, which only its own Python code can read: save torch.save(model.state_dict(), …)"
        );
    }
    let most = dicts.iter().map(|dict| dict.tensors).max();
    Ok(dicts.into_iter().filter(|dict| Some(dict.tensors) == most).take(1).collect())
}

struct Search<'p> {
    pickle: &'p Pickle,
    seen: HashSet<Id>,
    dicts: Vec<Candidate>,
    /// The class of a module that was saved with its code's name.
    module: Option<String>,
}

impl Search<'_> {
    fn visit(&mut self, id: Id, key: &str, depth: usize) {
        if depth > DEEPEST || !self.seen.insert(id) {
            return;
        }
        let below = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
        match self.pickle.get(id) {
            Value::Dict(items) => {
                let names: Vec<&str> = items
                    .iter()
                    .filter(|&&(_, value)| rebuilt(self.pickle, value).is_some())
                    .filter_map(|&(name, _)| self.pickle.text(name))
                    .collect();
                if !names.is_empty() {
                    let recurrent = names.iter().any(|name| {
                        ["weight_hh", "weight_ih", "_all_weight_values"]
                            .iter()
                            .any(|part| name.contains(part))
                    });
                    let tensors = names.len();
                    self.dicts.push(Candidate { key: key.to_owned(), dict: id, tensors, recurrent });
                }
                for &(name, value) in items {
                    match self.pickle.get(name) {
                        Value::Text(name) => self.visit(value, &below(name), depth + 1),
                        Value::Int(name) => self.visit(value, &below(&name.to_string()), depth + 1),
                        _ => {}
                    }
                }
            }
            Value::List(items) => {
                for (at, &item) in items.iter().enumerate() {
                    self.visit(item, &below(&at.to_string()), depth + 1);
                }
            }
            Value::Object { callable, state: Some(state), .. } => {
                if let Value::Dict(items) = self.pickle.get(*state)
                    && items.iter().any(|&(name, _)| self.pickle.text(name) == Some("_modules"))
                {
                    let (module, name) = self.pickle.global(*callable).unwrap_or(("?", "?"));
                    self.module.get_or_insert_with(|| format!("{module}.{name}"));
                }
            }
            _ => {}
        }
    }
}

/// The keys of a checkpoint that do not lead to the state dict under `key`.
fn beside(pickle: &Pickle, key: &str) -> Vec<String> {
    let Value::Dict(items) = pickle.get(pickle.root()) else { return Vec::new() };
    let leads = |name: &str| key == name || key.starts_with(&format!("{name}."));
    let names = items.iter().filter_map(|&(name, _)| pickle.text(name));
    if key.is_empty() { Vec::new() } else { names.filter(|name| !leads(name)).map(str::to_owned).collect() }
}

/// The function of `torch._utils` that makes a tensor again, and its arguments: through wrappers.
fn rebuilt(pickle: &Pickle, id: Id) -> Option<(&str, &[Id])> {
    let mut id = id;
    for _ in 0..3 {
        let Value::Object { callable, arguments, .. } = pickle.get(id) else { return None };
        let (module, name) = pickle.global(*callable)?;
        let arguments = pickle.list(*arguments)?;
        match (module, name) {
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
                id = *arguments.first()?;
            }
            ("torch._tensor", "_rebuild_from_type_v2") => {
                let (_, name) = pickle.global(*arguments.first()?)?;
                return Some((name, pickle.list(*arguments.get(2)?)?));
            }
            ("torch._utils", name) if name.starts_with("_rebuild") => return Some((name, arguments)),
            _ => return None,
        }
    }
    None
}

/// Element types: that of the storage's class, the size in bytes.
const TYPES: [(&str, &str, usize); 15] = [
    ("FloatStorage", "f32", 4),
    ("HalfStorage", "f16", 2),
    ("BFloat16Storage", "bf16", 2),
    ("DoubleStorage", "f64", 8),
    ("LongStorage", "i64", 8),
    ("IntStorage", "i32", 4),
    ("ShortStorage", "i16", 2),
    ("CharStorage", "i8", 1),
    ("ByteStorage", "u8", 1),
    ("BoolStorage", "bool", 1),
    ("QInt8Storage", "qint8", 1),
    ("QUInt8Storage", "quint8", 1),
    ("QInt32Storage", "qint32", 4),
    ("ComplexFloatStorage", "complex64", 8),
    ("ComplexDoubleStorage", "complex128", 16),
];

/// Loads tensors.
struct Reader<'z, 'p> {
    zip: Archive<'z>,
    folder: &'p str,
    pickle: &'p Pickle,
    /// Bytes that tensors may still take: views of one storage may be many.
    room: usize,
}

impl Reader<'_, '_> {
    fn state(&mut self, candidate: &Candidate) -> Result<State> {
        let mut state = State { ordered: true, key: candidate.key.clone(), ..State::default() };
        let Value::Dict(items) = self.pickle.get(candidate.dict) else { return Ok(state) };
        for &(name, value) in items {
            let Some(name) = self.pickle.text(name) else { continue };
            let Some((function, arguments)) = rebuilt(self.pickle, value) else {
                state.others.push(Other {
                    name: name.to_owned(),
                    shape: Vec::new(),
                    kind: OtherKind::Object,
                });
                continue;
            };
            let shape = self.sizes(arguments.get(2)).unwrap_or_default();
            let kind = match function {
                "_rebuild_qtensor" => OtherKind::Quantised("quantised".to_owned()),
                "_rebuild_tensor_v2" | "_rebuild_tensor" => match self.element(arguments)? {
                    (dtype, _) if dtype.starts_with('q') => OtherKind::Quantised(dtype),
                    (dtype, size) if float_type(&dtype).is_some() && size > 0 => {
                        let values = self
                            .values(arguments, &shape, &dtype, size)
                            .with_context(|| format!("{name} {shape:?}"))?;
                        state.tensors.push(Tensor { name: name.to_owned(), shape, values });
                        continue;
                    }
                    (dtype, 1..=8) if !dtype.starts_with("complex") => OtherKind::Whole(dtype),
                    (dtype, _) => OtherKind::Foreign(dtype),
                },
                other => OtherKind::Foreign(other.trim_start_matches("_rebuild_").to_owned()),
            };
            state.others.push(Other { name: name.to_owned(), shape, kind });
        }
        Ok(state)
    }

    /// A tuple of sizes or strides.
    fn sizes(&self, id: Option<&Id>) -> Option<Vec<usize>> {
        let items = match self.pickle.get(*id?) {
            Value::List(items) => items,
            // torch.Size
            Value::Object { arguments, .. } => self.pickle.list(*self.pickle.list(*arguments)?.first()?)?,
            _ => return None,
        };
        items.iter().map(|&item| usize::try_from(self.pickle.int(item)?).ok()).collect()
    }

    /// Type and size of a tensor's elements; a type that is not known has no size.
    fn element(&self, arguments: &[Id]) -> Result<(String, usize)> {
        let class = self.storage(arguments).and_then(|storage| self.pickle.global(*storage.get(1)?));
        let (_, class) = class.context("a tensor without a storage")?;
        let known = TYPES.iter().find(|(name, ..)| *name == class);
        Ok(known.map_or_else(|| (class.to_owned(), 0), |&(_, dtype, size)| (dtype.to_owned(), size)))
    }

    /// The storage's description: ("storage", class, key, device, elements).
    fn storage(&self, arguments: &[Id]) -> Option<&[Id]> {
        match self.pickle.get(*arguments.first()?) {
            Value::Persistent(id) => self.pickle.list(*id),
            _ => None,
        }
    }

    /// A tensor's numbers, row by row.
    fn values(&mut self, arguments: &[Id], shape: &[usize], dtype: &str, size: usize) -> Result<Vec<f32>> {
        let malformed = "its description is malformed";
        let offset = arguments.get(1).and_then(|&id| usize::try_from(self.pickle.int(id)?).ok());
        let offset = offset.context(malformed)?;
        let strides = self.sizes(arguments.get(3)).context(malformed)?;
        ensure!(strides.len() == shape.len() && self.sizes(arguments.get(2)).is_some(), malformed);
        let storage = self.storage(arguments).context(malformed)?;
        let key = storage.get(2).and_then(|&id| self.pickle.text(id)).context(malformed)?;
        let name = format!("{}data/{key}", self.folder);
        let count = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
        let count = count.filter(|count| count.checked_mul(size).is_some_and(|bytes| bytes <= self.room));
        let count = count.context("it is larger than the file")?;
        self.room -= count * size;
        let bytes = entry(&mut self.zip, &name, u64::MAX)?;
        let last = shape.iter().zip(&strides).try_fold(offset, |last, (&size, &stride)| {
            last.checked_add(size.saturating_sub(1).checked_mul(stride)?)
        });
        ensure!(
            count == 0 || last.is_some_and(|last| last < bytes.len() / size),
            "it reaches beyond its storage"
        );
        let mut taken = Vec::with_capacity(count * size);
        let mut at = vec![0; shape.len()];
        for _ in 0..count {
            let place = at.iter().zip(&strides).fold(offset, |place, (&at, &stride)| place + at * stride);
            taken.extend_from_slice(&bytes[place * size..][..size]);
            for (at, &size) in at.iter_mut().zip(shape).rev() {
                *at += 1;
                if *at < size {
                    break;
                }
                *at = 0;
            }
        }
        floats(&taken, float_type(dtype).context(malformed)?)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// A Python object to be pickled.
    enum Py<'p> {
        Int(u8),
        Text(&'p str),
        Dict(Vec<(Py<'p>, Py<'p>)>),
        /// An `OrderedDict` that is memoised under a number before its items are set.
        Shared(u8, Vec<(Py<'p>, Py<'p>)>),
        /// The object that was memoised under a number.
        Again(u8),
        /// Storage class, storage, offset, sizes and strides.
        Tensor(&'p str, &'p str, u8, &'p [u8], &'p [u8]),
        /// An instance of a class, with these attributes.
        Instance(&'p str, Vec<(Py<'p>, Py<'p>)>),
    }

    use Py::{Again, Dict, Instance, Int, Shared, Tensor as T, Text};

    fn items(items: &[(Py<'_>, Py<'_>)], to: &mut Vec<u8>) {
        to.push(b'(');
        for (key, value) in items {
            key.write(to);
            value.write(to);
        }
        to.push(b'u');
    }

    impl Py<'_> {
        fn write(&self, to: &mut Vec<u8>) {
            let tuple = |values: &[u8], to: &mut Vec<u8>| {
                to.push(b'(');
                values.iter().for_each(|&value| to.extend([b'K', value]));
                to.push(b't');
            };
            match self {
                Int(value) => to.extend([b'K', *value]),
                Text(text) => {
                    to.push(b'X');
                    to.extend((text.len() as u32).to_le_bytes());
                    to.extend(text.as_bytes());
                }
                Dict(own) => {
                    to.push(b'}');
                    items(own, to);
                }
                Shared(memo, own) => {
                    to.extend(b"ccollections\nOrderedDict\n)Rq");
                    to.push(*memo);
                    items(own, to);
                }
                Again(memo) => to.extend([b'h', *memo]),
                T(class, storage, offset, sizes, strides) => {
                    to.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
                    Text("storage").write(to);
                    to.extend(format!("ctorch\n{class}\n").as_bytes());
                    [Text(storage), Text("cpu")].iter().for_each(|text| text.write(to));
                    to.extend([b'K', 0, b't', b'Q', b'K', *offset]);
                    tuple(sizes, to);
                    tuple(strides, to);
                    to.extend(b"\x89)tR");
                }
                Instance(class, attributes) => {
                    to.extend(format!("c__main__\n{class}\n)").as_bytes());
                    to.extend([0x81, b'}']);
                    items(attributes, to);
                    to.push(b'b');
                }
            }
        }
    }

    /// An archive with a storage `0` of the floats 0 to 5 and a storage `1` of the bytes 1, 0, 0, 0, 0, 0, 0, 0.
    fn archive(root: &Py<'_>) -> Vec<u8> {
        let mut pickle = vec![0x80, 2];
        root.write(&mut pickle);
        pickle.push(b'.');
        let floats: Vec<u8> = (0..6u8).flat_map(|number| f32::from(number).to_le_bytes()).collect();
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let entries: [(&str, &[u8]); 4] = [
            ("a/data.pkl", &pickle),
            ("a/byteorder", b"little"),
            ("a/data/0", &floats),
            ("a/data/1", &[1, 0, 0, 0, 0, 0, 0, 0]),
        ];
        for (name, bytes) in entries {
            zip.start_file(name, SimpleFileOptions::default()).expect("a name");
            zip.write_all(bytes).expect("memory");
        }
        zip.finish().expect("memory").into_inner()
    }

    fn open(root: &Py<'_>, key: Option<&str>) -> Result<State> {
        read(Cursor::new(&archive(root)), key)
    }

    fn weights(offset: u8) -> Vec<(Py<'static>, Py<'static>)> {
        vec![(Text("rnn.weight_hh_l0"), T("FloatStorage", "0", offset, &[2, 2], &[2, 1]))]
    }

    #[test]
    fn strides_offsets_and_types_are_followed() {
        let state = open(
            &Dict(vec![
                (Text("rows"), T("FloatStorage", "0", 0, &[2, 3], &[3, 1])),
                (Text("columns"), T("FloatStorage", "0", 0, &[3, 2], &[1, 3])),
                (Text("part"), T("FloatStorage", "0", 1, &[2, 2], &[3, 1])),
                (Text("steps"), T("LongStorage", "1", 0, &[1], &[1])),
                (Text("mask"), T("BoolStorage", "1", 0, &[8], &[1])),
                (Text("odd"), T("Float8Storage", "1", 0, &[8], &[1])),
                (Text("epoch"), Int(3)),
            ]),
            None,
        );
        let state = state.expect("reads");
        let values: Vec<&[f32]> = state.tensors.iter().map(|tensor| &tensor.values[..]).collect();
        let expected: [&[f32]; 3] =
            [&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], &[0.0, 3.0, 1.0, 4.0, 2.0, 5.0], &[1.0, 2.0, 4.0, 5.0]];
        assert_eq!(values, expected);
        assert_eq!((&state.tensors[1].shape[..], state.ordered), (&[3, 2][..], true));
        let kinds: Vec<&OtherKind> = state.others.iter().map(|other| &other.kind).collect();
        let whole = |dtype: &str| OtherKind::Whole(dtype.to_owned());
        let odd = OtherKind::Foreign("Float8Storage".to_owned());
        assert_eq!(kinds, [&whole("i64"), &whole("bool"), &odd, &OtherKind::Object]);
    }

    #[test]
    fn a_state_dict_is_found_under_any_key() {
        let optimiser =
            || Dict(vec![(Int(0), Dict(vec![(Text("exp_avg"), T("FloatStorage", "0", 0, &[2], &[1]))]))]);
        let nested = Dict(vec![
            (Text("epoch"), Int(7)),
            (Text("loss"), T("FloatStorage", "0", 3, &[], &[])),
            (Text("optimiser"), optimiser()),
            (Text("agent"), Dict(vec![(Text("weights"), Shared(1, weights(0)))])),
        ]);
        let state = open(&nested, None).expect("is found");
        assert_eq!((&state.key[..], state.tensors.len()), ("agent.weights", 1));
        assert_eq!(state.beside, ["epoch", "loss", "optimiser"]);
        // The same twice is one; two that differ are a question.
        let same = Dict(vec![(Text("best"), Shared(1, weights(0))), (Text("last"), Again(1))]);
        assert_eq!(open(&same, None).expect("are one").tensors[0].values, [0.0, 1.0, 2.0, 3.0]);
        let two = Dict(vec![(Text("ema"), Dict(weights(2))), (Text("last"), Dict(weights(0)))]);
        let error = open(&two, None).expect_err("are two").to_string();
        assert!(error.contains("`ema`, `last`") && error.contains("`state_dict`"), "{error}");
        assert_eq!(open(&two, Some("ema")).expect("is named").tensors[0].values[0], 2.0);
        assert!(open(&two, Some("first")).expect_err("is not there").to_string().contains("`ema`, `last`"));
    }

    #[test]
    fn what_is_no_state_dict_is_named() {
        let module = Instance("Net", vec![(Text("_modules"), Dict(vec![]))]);
        let error = open(&module, None).expect_err("is a module").to_string();
        assert!(error.contains("whole module (class __main__.Net)"), "{error}");
        assert_eq!(open(&Dict(vec![(Text("epoch"), Int(1))]), None).expect("is empty"), State::default());
        for (tensor, reason) in [
            (T("FloatStorage", "0", 3, &[2, 2], &[2, 1]), "beyond its storage"),
            (T("FloatStorage", "0", 0, &[255, 255, 255], &[0, 0, 0]), "larger than the file"),
            (T("FloatStorage", "9", 0, &[1], &[1]), "has no a/data/9"),
        ] {
            let error =
                format!("{:#}", open(&Dict(vec![(Text("w"), tensor)]), None).expect_err("is damaged"));
            assert!(error.contains("w [") && error.contains(reason), "{error}");
        }
    }

    /// An object that refers to itself, references that double, and bytes cut short end in an error or nothing.
    #[test]
    fn pickles_that_are_made_to_hurt_do_not() {
        let bombs: [Vec<u8>; 4] = [
            b"}q\x00X\x01\x00\x00\x00ah\x00s.".to_vec(),
            [b")q\x00".to_vec(), b"h\x00h\x00\x86q\x00".repeat(10_000), b".".to_vec()].concat(),
            b"X\xff\xff\xff\xff.".to_vec(),
            b"(((tu.".to_vec(),
        ];
        for bomb in bombs {
            if let Ok(pickle) = Pickle::read(&bomb) {
                assert!(choose(&pickle, None).expect("has no tensors").is_empty());
            }
        }
    }
}
