//! JSON objects as their files have them.

use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

/// The members of an object in their order, those that come twice among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Members<V>(pub Vec<(String, V)>);

impl<V> Members<V> {
    /// The first name that comes twice; a map would keep the last value alone.
    #[must_use]
    pub fn repeated(&self) -> Option<&str> {
        let mut names = HashSet::new();
        self.0.iter().map(|(name, _)| &name[..]).find(|name| !names.insert(*name))
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Members<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor(PhantomData))
    }
}

struct MembersVisitor<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for MembersVisitor<V> {
    type Value = Members<V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<V>, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}
