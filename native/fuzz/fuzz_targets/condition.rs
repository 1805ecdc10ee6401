//! Any text as a condition: read or refused, with every place inside the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use peregrine_rules::{LoadOptions, RuleFile, load};

fuzz_target!(|condition: &str| {
    let quoted = condition.replace('\'', "''");
    let text = format!(
        "- {{list: words, items: [a, 'b c', d]}}\n- {{macro: named, condition: proc.name in (words)}}\n\
         - {{rule: r, desc: d, priority: INFO, output: o, condition: '{quoted}'}}\n"
    );
    let files = [RuleFile { name: "fuzz.yaml".to_owned(), text }];
    let (_, found) = load(&files, &LoadOptions::default());
    for diagnostic in found {
        let range = diagnostic.place.range;
        assert!(range.start <= range.end && range.end <= files[0].text.len());
    }
});
