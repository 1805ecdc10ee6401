//! A configuration of any text, and a change to it, are taken or refused.

#![no_main]

use libfuzzer_sys::fuzz_target;
use peregrine_config::{Change, FalcoYaml, Tree};

fuzz_target!(|input: (&str, &str)| {
    let (text, change) = input;
    let Ok(mut tree) = Tree::read("falco.yaml", text) else { return };
    if let Ok(change) = change.parse::<Change>() {
        change.apply(&mut tree).ok();
    }
    FalcoYaml::from_tree(&tree).ok();
});
