//! A JSON object, parsed one level deep: its values keep their bytes.

use std::collections::HashMap;

use serde_json::value::RawValue;

/// The members of an object; where a key stands twice, the last one counts, as in every reader that AWS has.
#[derive(Debug)]
pub(super) struct JsonObject<'a>(HashMap<String, &'a RawValue>);

impl<'a> JsonObject<'a> {
    /// Reads an object; `None` for anything else.
    pub(super) fn read(json: &'a str) -> Option<Self> {
        serde_json::from_str(json).ok().map(Self)
    }

    /// A member as it stands; `null` is a value too.
    pub(super) fn raw(&self, key: &str) -> Option<&'a str> {
        self.0.get(key).map(|raw| raw.get())
    }

    /// A member that is a text.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        serde_json::from_str(self.raw(key)?).ok()
    }

    /// A member that is an object.
    pub(super) fn object(&self, key: &str) -> Option<Self> {
        Self::read(self.raw(key)?)
    }

    /// The items of a member that is a list.
    pub(super) fn list(&self, key: &str) -> Option<Vec<&'a str>> {
        items(self.raw(key)?)
    }

    /// The first member whose name ends like this.
    pub(super) fn ending_in(&self, end: &str) -> Option<&'a str> {
        self.0.iter().find(|(key, _)| key.ends_with(end)).map(|(_, raw)| raw.get())
    }

    /// All members, in no order.
    pub(super) fn members(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(key, raw)| (key.as_str(), *raw))
    }

    /// Whether a member is there and isn't null.
    pub(super) fn has(&self, key: &str) -> bool {
        self.raw(key).is_some_and(|raw| raw != "null")
    }
}

/// The items of a list; `None` for anything else.
pub(super) fn items(json: &str) -> Option<Vec<&str>> {
    let items: Vec<&RawValue> = serde_json::from_str(json).ok()?;
    Some(items.into_iter().map(RawValue::get).collect())
}

/// Whether a text is one JSON value.
pub(super) fn is_json(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_as_they_are() {
        let json =
            r#" {"a": {"n":1e2, "n":10000000000000000000000.0 }, "b":null, "c":"\u00e4\ud83d\ude00", "d":[1, {}] } "#;
        let object = JsonObject::read(json).expect("an object");
        assert_eq!(object.raw("a"), Some(r#"{"n":1e2, "n":10000000000000000000000.0 }"#));
        assert_eq!((object.raw("b"), object.has("b"), object.raw("x")), (Some("null"), false, None));
        assert_eq!(object.text("c").as_deref(), Some("ä😀"));
        assert_eq!(object.list("d"), Some(vec!["1", "{}"]));
        assert_eq!((items("[]"), items("{}"), items("[")), (Some(vec![]), None, None));
        assert!(object.text("a").is_none() && object.object("c").is_none() && object.list("a").is_none());
    }

    #[test]
    fn depth_is_no_limit() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(JsonObject::read(&deep).and_then(|object| object.raw("a").map(str::len)), Some(200_000));
        assert!(is_json(&deep));
    }
}
