//! A recording of any bytes is read or refused, and what is read can be judged.

#![no_main]

use bumpalo::Bump;
use libfuzzer_sys::fuzz_target;
use peregrine_recording::Reader;
use peregrine_rules::{Facts, FieldId, lookup};

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut reader) = Reader::begin(bytes) else { return };
    while let Ok(Some(event)) = reader.next_event() {
        let arena = Bump::new();
        for field in FieldId::all().filter_map(|id| lookup(id.row().name, None).ok()) {
            event.value(&field, &arena);
        }
    }
});
