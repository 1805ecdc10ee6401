//! Any bytes as a rule file: loaded or refused, and drawn, but never a crash.
#![no_main]

use libfuzzer_sys::fuzz_target;
use peregrine_rules::{LoadOptions, RuleFile, load, render};

fuzz_target!(|bytes: &[u8]| {
    let files = [RuleFile::from_bytes("fuzz.yaml", bytes)];
    let (plan, found) = load(&files, &LoadOptions::default());
    assert_eq!(plan.is_none(), found.iter().any(|it| it.is_error()));
    for diagnostic in found.iter().take(8) {
        assert!(!render(diagnostic, &files).is_empty());
    }
});
