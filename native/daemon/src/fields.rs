//! `peregrined fields`: the catalogue, for people, for documentation and for programs.

use peregrine_rules::{ArgumentKind, FieldId, Lifetime, Row, Trait};

use crate::cli::FieldsOptions;

/// All fields but the hidden ones.
pub fn list(options: &FieldsOptions) -> String {
    let rows: Vec<&Row> =
        FieldId::all().map(FieldId::row).filter(|row| !row.is(Trait::Hidden)).collect();
    if options.json {
        return json(&rows);
    }
    if options.markdown {
        return markdown(&rows);
    }
    rows.iter()
        .map(|row| format!("{:<40} {:<24} {}\n", name(row), row.field_type.word(), meaning(row)))
        .collect()
}

/// With its argument.
fn name(row: &Row) -> String {
    let suffix = match row.argument {
        ArgumentKind::NoArgument => "",
        ArgumentKind::IndexOptional => "[N]?",
        ArgumentKind::IndexRequired => "[N]",
        ArgumentKind::KeyOptional => "[KEY]?",
        ArgumentKind::KeyRequired => "[KEY]",
        ArgumentKind::Parameter | ArgumentKind::RawParameter | ArgumentKind::EventName => ".NAME",
        ArgumentKind::Subsystem => ".SUBSYSTEM",
        ArgumentKind::Side => "(.src|.dst)?",
    };
    format!("{}{suffix}", row.name)
}

fn meaning(row: &Row) -> String {
    let mut text = row.doc.to_owned();
    if row.is(Trait::NeverKnown) {
        text.push_str(" (no event here has a value)");
    }
    if row.is(Trait::Extension) {
        text.push_str(" (Peregrine's own)");
    }
    text
}

fn lifetime(lifetime: Lifetime) -> &'static str {
    match lifetime {
        Lifetime::Host => "host",
        Lifetime::Container => "container",
        Lifetime::Process => "process",
        Lifetime::Event => "event",
    }
}

fn markdown(rows: &[&Row]) -> String {
    let mut text =
        "| field | type | lifetime | meaning | example |\n|---|---|---|---|---|\n".to_owned();
    for row in rows {
        let cells = [
            format!("`{}`", name(row)),
            row.field_type.word().to_owned(),
            lifetime(row.lifetime).to_owned(),
            meaning(row),
            format!("`{}`", row.example),
        ];
        let cells = cells.map(|cell| cell.replace('|', "\\|"));
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    text
}

fn json(rows: &[&Row]) -> String {
    let objects: Vec<serde_json::Value> = rows
        .iter()
        .map(|row| {
            serde_json::json!({
                "name": row.name,
                "argument": name(row).strip_prefix(row.name),
                "type": row.field_type.word(),
                "lifetime": lifetime(row.lifetime),
                "doc": meaning(row),
                "example": row.example,
            })
        })
        .collect();
    format!("{:#}\n", serde_json::Value::Array(objects))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_list_the_same_fields() {
        let list = |markdown, json| list(&FieldsOptions { markdown, json });
        let fields = list(false, false).lines().count();
        assert!(fields > 250, "{fields}");
        assert_eq!(list(true, false).lines().count(), fields + 2);
        let parsed: serde_json::Value = serde_json::from_str(&list(false, true)).unwrap();
        assert_eq!(parsed.as_array().unwrap().len(), fields);
    }
}
