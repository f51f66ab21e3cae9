//! The objects of a pickle that `torch.save` writes: Python's protocols 2 to 5.
//!
//! Nothing is called or imported: what Python would make by calling stays an [`Value::Object`] with its callable and
//! arguments. Objects lie in one list and refer to each other by [`Id`], so that a shared object exists once, and
//! memory grows with the bytes read, not with the references.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};

/// The most objects that a pickle may make; a state dict makes about twelve a tensor.
const MOST_OBJECTS: usize = 1 << 21;

/// An object's place in [`Pickle`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Id(usize);

/// A Python object.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// What no reader of tensors needs: `None`, floats, bytes, sets and the like.
    Other,
    /// `True` or `False`.
    Bool(bool),
    /// An int of 64 bits at most.
    Int(i64),
    /// A str.
    Text(String),
    /// A tuple or a list.
    List(Vec<Id>),
    /// A dict or an `OrderedDict`, in order.
    Dict(Vec<(Id, Id)>),
    /// A class or function: module and name.
    Global(String, String),
    /// What is stored outside of the pickle: a tensor's storage.
    Persistent(Id),
    /// What calling `callable` with `arguments` gives, and the state that it is given afterwards.
    Object {
        /// A class or function.
        callable: Id,
        /// A tuple.
        arguments: Id,
        /// The attributes, usually a dict.
        state: Option<Id>,
    },
}

/// The objects of a pickle.
#[derive(Clone, Debug)]
pub struct Pickle {
    values: Vec<Value>,
    root: Id,
}

impl Pickle {
    /// Reads a whole pickle.
    ///
    /// # Errors
    /// If it is cut short, malformed or of another protocol.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let mut machine = Machine { rest: bytes, ..Machine::default() };
        while !machine.step()? {}
        let root = machine.pop()?;
        Ok(Self { values: machine.values, root })
    }

    /// The outermost object.
    #[must_use]
    pub const fn root(&self) -> Id {
        self.root
    }

    /// An object.
    #[must_use]
    pub fn get(&self, id: Id) -> &Value {
        self.values.get(id.0).unwrap_or(&Value::Other)
    }

    /// A str's text.
    #[must_use]
    pub fn text(&self, id: Id) -> Option<&str> {
        match self.get(id) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// An int's value.
    #[must_use]
    pub fn int(&self, id: Id) -> Option<i64> {
        match self.get(id) {
            Value::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// A tuple's or list's objects.
    #[must_use]
    pub fn list(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// Module and name of a class or function.
    #[must_use]
    pub fn global(&self, id: Id) -> Option<(&str, &str)> {
        match self.get(id) {
            Value::Global(module, name) => Some((module, name)),
            _ => None,
        }
    }
}

/// Python's unpickling machine.
#[derive(Default)]
struct Machine<'p> {
    rest: &'p [u8],
    values: Vec<Value>,
    stack: Vec<Id>,
    /// Heights of the stack at its marks.
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
}

impl<'p> Machine<'p> {
    /// One operation; whether it was the last.
    fn step(&mut self) -> Result<bool> {
        let operation = self.byte()?;
        match operation {
            b'.' => return Ok(true),
            // PROTO, FRAME
            0x80 => drop(self.take(1)?),
            0x95 => drop(self.take(8)?),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.until_mark()?),
            b'2' => self.stack.push(self.top()?),
            // NONE, BINFLOAT
            b'N' => self.push(Value::Other)?,
            b'G' => self.skip(8)?,
            0x88 | 0x89 => self.push(Value::Bool(operation == 0x88))?,
            b'K' => self.int(1)?,
            b'M' => self.int(2)?,
            b'J' => {
                let bytes = self.take(4)?.try_into()?;
                self.push(Value::Int(i32::from_le_bytes(bytes).into()))?;
            }
            // LONG1, LONG4
            0x8a => self.long(1)?,
            0x8b => self.long(4)?,
            // Texts: SHORT_BINSTRING, BINSTRING, SHORT_BINUNICODE, BINUNICODE, BINUNICODE8
            b'U' | 0x8c => self.string(1)?,
            b'T' | b'X' => self.string(4)?,
            0x8d => self.string(8)?,
            // Bytes: SHORT_BINBYTES, BINBYTES, BINBYTES8, BYTEARRAY8
            b'C' => self.bytes(1)?,
            b'B' => self.bytes(4)?,
            0x8e | 0x96 => self.bytes(8)?,
            b']' | b')' => self.push(Value::List(Vec::new()))?,
            b'l' | b't' | 0x91 => {
                let items = self.until_mark()?;
                self.push(Value::List(items))?;
            }
            0x85..=0x87 => {
                let from = self.stack.len().checked_sub(usize::from(operation - 0x84));
                let items = self.stack.split_off(from.context(SHORT)?);
                self.push(Value::List(items))?;
            }
            b'a' => {
                let item = self.pop()?;
                self.extend(&[item])?;
            }
            b'e' => {
                let items = self.until_mark()?;
                self.extend(&items)?;
            }
            // EMPTY_SET, ADDITEMS
            0x8f => self.push(Value::Other)?,
            0x90 => drop(self.until_mark()?),
            b'}' => self.push(Value::Dict(Vec::new()))?,
            b'd' => {
                let items = self.until_mark()?;
                self.push(Value::Dict(pairs(&items)?))?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(&[key, value])?;
            }
            b'u' => {
                let items = self.until_mark()?;
                self.set(&items)?;
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Value::Global(module, name))?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let text = |id: Id| match &self.values[id.0] {
                    Value::Text(text) => Ok(text.clone()),
                    _ => bail!("a class without a name"),
                };
                let global = Value::Global(text(module)?, text(name)?);
                self.push(global)?;
            }
            // REDUCE, NEWOBJ
            b'R' | 0x81 => {
                let (arguments, callable) = (self.pop()?, self.pop()?);
                self.call(callable, arguments)?;
            }
            0x92 => {
                let (_, arguments, callable) = (self.pop()?, self.pop()?, self.pop()?);
                self.call(callable, arguments)?;
            }
            b'b' => {
                let state = self.pop()?;
                let top = self.top()?;
                if let Value::Object { state: own, .. } = &mut self.values[top.0] {
                    *own = Some(state);
                }
            }
            b'Q' => {
                let id = self.pop()?;
                self.push(Value::Persistent(id))?;
            }
            b'h' => self.recall(1)?,
            b'j' => self.recall(4)?,
            b'q' => self.remember(1)?,
            b'r' => self.remember(4)?,
            0x94 => {
                let top = self.top()?;
                self.memo.insert(self.memo.len() as u64, top);
            }
            other => bail!("operation {other:#04x} of the pickle is unknown"),
        }
        Ok(false)
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    fn take(&mut self, count: usize) -> Result<&'p [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).context(SHORT)?;
        self.rest = rest;
        Ok(taken)
    }

    /// An unsigned number of `bytes` bytes, the lowest first.
    fn number(&mut self, bytes: usize) -> Result<u64> {
        Ok(self.take(bytes)?.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    /// What a length of `bytes` bytes stands before.
    fn counted(&mut self, bytes: usize) -> Result<&'p [u8]> {
        let count = self.number(bytes)?;
        self.take(usize::try_from(count)?)
    }

    fn line(&mut self) -> Result<String> {
        let end = self.rest.iter().position(|&byte| byte == b'\n').context(SHORT)?;
        let line = self.take(end + 1)?;
        Ok(String::from_utf8_lossy(&line[..end]).trim_end_matches('\r').to_owned())
    }

    fn push(&mut self, value: Value) -> Result<()> {
        ensure!(self.values.len() < MOST_OBJECTS, "its pickle has more than {MOST_OBJECTS} objects");
        self.stack.push(Id(self.values.len()));
        self.values.push(value);
        Ok(())
    }

    fn skip(&mut self, bytes: usize) -> Result<()> {
        self.take(bytes)?;
        self.push(Value::Other)
    }

    fn int(&mut self, bytes: usize) -> Result<()> {
        let number = self.number(bytes)?;
        self.push(Value::Int(number as i64))
    }

    /// A signed number in two's complement, after the count of its bytes.
    fn long(&mut self, bytes: usize) -> Result<()> {
        let digits = self.counted(bytes)?;
        let negative = digits.last().is_some_and(|&last| last >= 0x80);
        let mut wide = [if negative { 0xFF } else { 0 }; 8];
        let value = match wide.get_mut(..digits.len()) {
            Some(low) => {
                low.copy_from_slice(digits);
                Value::Int(i64::from_le_bytes(wide))
            }
            None => Value::Other,
        };
        self.push(value)
    }

    fn string(&mut self, bytes: usize) -> Result<()> {
        let text = String::from_utf8_lossy(self.counted(bytes)?).into_owned();
        self.push(Value::Text(text))
    }

    fn bytes(&mut self, bytes: usize) -> Result<()> {
        self.counted(bytes)?;
        self.push(Value::Other)
    }

    fn top(&self) -> Result<Id> {
        self.stack.last().copied().context(SHORT)
    }

    fn pop(&mut self) -> Result<Id> {
        self.stack.pop().context(SHORT)
    }

    /// What lies above the last mark.
    fn until_mark(&mut self) -> Result<Vec<Id>> {
        let mark = self.marks.pop().filter(|&mark| mark <= self.stack.len()).context(SHORT)?;
        Ok(self.stack.split_off(mark))
    }

    fn recall(&mut self, bytes: usize) -> Result<()> {
        let number = self.number(bytes)?;
        self.stack.push(*self.memo.get(&number).context(SHORT)?);
        ensure!(self.stack.len() <= 2 * MOST_OBJECTS, "its pickle has more than {MOST_OBJECTS} objects");
        Ok(())
    }

    fn remember(&mut self, bytes: usize) -> Result<()> {
        let number = self.number(bytes)?;
        let top = self.top()?;
        self.memo.insert(number, top);
        Ok(())
    }

    fn extend(&mut self, items: &[Id]) -> Result<()> {
        let top = self.top()?;
        if let Value::List(own) = &mut self.values[top.0] {
            own.extend(items);
        }
        Ok(())
    }

    /// Sets the items of the dict on top. Those of other objects (a subclass of dict) are not needed.
    fn set(&mut self, items: &[Id]) -> Result<()> {
        let items = pairs(items)?;
        let top = self.top()?;
        if let Value::Dict(own) = &mut self.values[top.0] {
            own.extend(items);
        }
        Ok(())
    }

    fn call(&mut self, callable: Id, arguments: Id) -> Result<()> {
        let dict = matches!(
            &self.values[callable.0],
            Value::Global(module, name)
                if module == "collections" && ["OrderedDict", "defaultdict", "Counter"].contains(&&name[..])
        );
        if !dict {
            return self.push(Value::Object { callable, arguments, state: None });
        }
        // Python 2 gives the items as a list of pairs.
        let list = |id: Id| match &self.values[id.0] {
            Value::List(items) => &items[..],
            _ => &[],
        };
        let items = list(arguments).last().map_or(&[][..], |&last| list(last));
        let pair = |&item: &Id| <[Id; 2]>::try_from(list(item)).ok().map(|[key, value]| (key, value));
        let items = items.iter().filter_map(pair).collect();
        self.push(Value::Dict(items))
    }
}

/// What a machine that lacks bytes or objects says.
const SHORT: &str = "its pickle is cut short or damaged";

fn pairs(items: &[Id]) -> Result<Vec<(Id, Id)>> {
    let (pairs, []) = items.as_chunks::<2>() else { bail!(SHORT) };
    Ok(pairs.iter().map(|&[key, value]| (key, value)).collect())
}
