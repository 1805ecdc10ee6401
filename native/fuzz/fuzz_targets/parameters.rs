//! Any bytes as the parameters of any event type: always written, whatever stands in them.
#![no_main]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bumpalo::Bump;
use libfuzzer_sys::fuzz_target;
use peregrine_rules::EventType;
use peregrine_rules::parameters::{
    DescriptorName, Names, Parameters, Raw, SocketAddress, SocketTuple,
};

/// What every number stands for.
struct Same<'bytes>(&'bytes [u8]);

impl Names for Same<'_> {
    fn descriptor<'a>(&'a self, number: i64, _: &'a Bump) -> Option<DescriptorName<'a>> {
        let protocol = (number % 2 == 0).then_some(b't');
        (number < 9).then_some(DescriptorName { typechar: b'f', protocol, name: self.0 })
    }

    fn process(&self, id: i64) -> Option<&[u8]> {
        (id % 3 != 0).then_some(self.0)
    }

    fn user(&self, id: u32) -> Option<&[u8]> {
        (id % 3 != 0).then_some(self.0)
    }

    fn group(&self, id: u32) -> Option<&[u8]> {
        (id % 3 != 0).then_some(self.0)
    }

    fn absolute<'a>(&'a self, at: Option<i64>, _: &[u8], _: &'a Bump) -> Option<&'a [u8]> {
        at.is_none().then_some(self.0)
    }

    fn date<'a>(&'a self, time: u64, _: &'a Bump) -> Option<&'a [u8]> {
        (time % 2 == 0).then_some(self.0)
    }
}

fn raw<'a>(kind: u8, number: u64, bytes: &'a [u8], arena: &'a Bump) -> Raw<'a> {
    let v4 = IpAddr::V4(Ipv4Addr::from_bits(number as u32));
    let v6 = IpAddr::V6(Ipv6Addr::from_bits(u128::from(number) << 7));
    match kind % 12 {
        0 => Raw::Unknown,
        1 => Raw::Missing,
        2 => Raw::Signed(number as i64),
        3 => Raw::Unsigned(number),
        4 => Raw::Kernel(number),
        5 => Raw::Bytes(bytes),
        6 => Raw::Address(SocketAddress::Inet(v4, number as u16)),
        7 => Raw::Address(SocketAddress::Unix(bytes)),
        8 => Raw::Tuple(SocketTuple::Inet((v6, 1), (v4, 2))),
        9 => Raw::Tuple(SocketTuple::Unix(number, !number, bytes)),
        10 => Raw::Polled(arena.alloc([(number as i64, kind.into())])),
        _ => Raw::Chosen(number as usize % 8, arena.alloc(raw(kind / 12, number, bytes, arena))),
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((head, rest)) = bytes.split_first_chunk::<2>() else { return };
    let events = EventType::COUNT;
    let Some(event) = EventType::all().nth(usize::from(u16::from_le_bytes(*head)) % events) else {
        return;
    };
    let arena = Bump::new();
    let list: Vec<_> = rest
        .chunks(9)
        .map(|chunk| {
            let mut number = [0; 8];
            number[..chunk.len() - 1].copy_from_slice(&chunk[1..]);
            raw(chunk[0], u64::from_le_bytes(number), rest, &arena)
        })
        .collect();
    let names = Same(rest);
    let parameters = Parameters::new(event, &list, &names);
    let line = parameters.line(&arena);
    for (number, parameter) in event.parameters().iter().enumerate() {
        assert_eq!(parameters.position(parameter.name), Some(number));
        assert!(parameters.render(number, &arena).is_some());
        std::hint::black_box(parameters.value(number));
    }
    assert!(parameters.render(event.parameters().len(), &arena).is_none());
    assert!(line.is_empty() || line.contains(&b'='));
});
