//! Renders the events of the schema of the trace for the manual page secretcat-trace(5).

use std::fmt;
use std::marker::PhantomData;

use roff::{Inline, Roff, bold, roman};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::manual::{UNBROKEN, finish, prose};

/// The schema of a line, as far as the page has it.
#[derive(Deserialize)]
struct Schema {
    #[serde(rename = "$defs")]
    definitions: Ordered<Definition>,
    #[serde(rename = "oneOf")]
    events: Vec<Event>,
}

#[derive(Deserialize)]
struct Definition {
    r#type: Option<String>,
    description: Option<String>,
}

/// The longest value that is not on a line of its own in a narrow terminal.
const SHORT: usize = 20;

/// A type of line.
#[derive(Deserialize)]
struct Event {
    title: String,
    description: String,
    properties: Ordered<Property>,
    required: Vec<String>,
    examples: Vec<Ordered<Value>>,
}

/// A field, or one of its values.
#[derive(Deserialize)]
struct Property {
    #[serde(rename = "$ref")]
    reference: Option<String>,
    r#type: Option<String>,
    r#const: Option<Value>,
    description: Option<String>,
    #[serde(rename = "oneOf", default)]
    values: Vec<Property>,
    #[serde(default)]
    properties: Ordered<Property>,
    items: Option<Box<Property>>,
}

/// An object of JSON with its fields in their order.
struct Ordered<T>(Vec<(String, T)>);

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Ordered(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = Ordered<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered<T>, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Ordered(fields))
            }
        }
        deserializer.deserialize_map(Fields(PhantomData))
    }
}

impl Schema {
    fn definition(&self, reference: &str) -> (&str, &Definition) {
        let (name, definition) =
            self.definitions.0.iter().find(|(name, _)| reference.ends_with(&format!("/{name}"))).unwrap();
        (name, definition)
    }

    /// What the value of a field is: its unit, or its type.
    fn kind<'a>(&'a self, property: &'a Property) -> &'a str {
        match property {
            Property { reference: Some(reference), .. } => {
                let (name, definition) = self.definition(reference);
                definition.r#type.as_deref().filter(|kind| *kind == "string" && name != "base64").unwrap_or(name)
            }
            Property { r#const: Some(Value::Bool(_)), .. } => "true",
            Property { r#const: Some(_), .. } => "number",
            Property { r#type: Some(kind), .. } => kind,
            Property { values, .. } if values.iter().all(|value| value.r#const.is_some()) => "word",
            Property { .. } => "word or object",
        }
    }

    fn description<'a>(&'a self, property: &'a Property) -> &'a str {
        let of_definition = || self.definition(property.reference.as_deref()?).1.description.as_deref();
        property.description.as_deref().or_else(of_definition).unwrap()
    }

    /// A value of a field: a word, or an object with one field.
    fn value(&self, value: &Property) -> Vec<Inline> {
        if let Some(word) = value.r#const.as_ref().and_then(Value::as_str) {
            return vec![bold(word)];
        }
        let [(name, property)] = &value.properties.0[..] else { panic!("a value is a word or has one field") };
        let kind = match &property.items {
            Some(items) => format!("[{}, ...]", self.kind(items)),
            None => self.kind(property).to_owned(),
        };
        vec![roman("{"), bold(format!("\"{name}\"")), roman(format!(":{UNBROKEN}{kind}}}"))]
    }
}

/// The types of lines of the schema, each with its fields and an example.
pub(crate) fn render(schema: &str) -> String {
    let schema: Schema = serde_json::from_str(schema).unwrap();
    let mut roff = Roff::new();
    for event in &schema.events {
        roff.control("SS", [event.title.as_str()]);
        prose(&mut roff, &event.description);
        for example in &event.examples {
            roff.control("PP", []).text([roman(text(example))]);
        }
        for (name, property) in event.properties.0.iter().filter(|(name, _)| !["t", "conn", "type"].contains(&&**name))
        {
            let optional = if event.required.contains(name) { "" } else { ", optional" };
            let kind = format!("{UNBROKEN}({}{optional})", schema.kind(property));
            roff.control("TP", []).text([bold(name), roman(kind)]);
            prose(&mut roff, schema.description(property));
            if !property.values.is_empty() {
                roff.control("RS", []);
                for value in &property.values {
                    roff.control("TP", []).text(schema.value(value));
                    prose(&mut roff, schema.description(value));
                }
                roff.control("RE", []);
            }
        }
    }
    finish(&roff)
}

/// An example, with spaces where its line may be broken: between its fields, and before long values.
fn text(example: &Ordered<Value>) -> String {
    let field = |(name, value): &(String, Value)| {
        let is_string = value.is_string();
        let value = value.to_string();
        let space = if is_string && value.len() > SHORT { " " } else { UNBROKEN };
        let value = if is_string { value.replace(' ', UNBROKEN) } else { value.replace(',', ", ") };
        format!("\"{name}\":{space}{value}")
    };
    let fields: Vec<_> = example.0.iter().map(field).collect();
    format!("{{{}}}", fields.join(", "))
}
