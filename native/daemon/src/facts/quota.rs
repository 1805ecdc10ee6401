//! What the last argument of quotactl(2) stands for, which the command decides: a path, or a struct of
//! include/uapi/linux/quota.h that was given or is given back.

use peregrine_capture::event::{Call, Place};
use peregrine_rules::parameters::Raw;

const Q_QUOTAON: u32 = 0x80_0002;
const Q_GETFMT: u32 = 0x80_0004;
const Q_GETINFO: u32 = 0x80_0005;
const Q_SETINFO: u32 = 0x80_0006;
const Q_GETQUOTA: u32 = 0x80_0007;
const Q_SETQUOTA: u32 = 0x80_0008;

/// Where `struct if_dqblk` and `struct if_dqinfo` say which of their fields count.
const BLOCK_VALID: usize = 64;
const INFORMATION_VALID: usize = 20;

/// A parameter of the event.
#[derive(Clone, Copy, Debug)]
pub enum Quota {
    /// The file of Q_QUOTAON.
    Path,
    /// A number of `struct if_dqblk`: its offset, and the bit that says whether it counts.
    Block(usize, u32),
    /// Seconds of the same.
    BlockTime(usize, u32),
    /// Seconds of `struct if_dqinfo`.
    InformationTime(usize, u32),
    /// Flags of the same.
    InformationFlags,
    /// The format that Q_GETFMT gives back.
    FormatGiven,
    /// The format that Q_QUOTAON asks for.
    FormatAsked,
}

/// 0 where the command has no such thing, as rules are used to; unknown where it could not be read.
pub fn quota<'a>(call: &Call<'a>, which: Quota) -> Raw<'a> {
    const SECOND: u64 = 1_000_000_000;
    let command = call.argument(0) as u32 >> 8;
    let is = |commands: &[u32]| commands.contains(&command);
    let of_block = |offset, bit| match is(&[Q_GETQUOTA, Q_SETQUOTA]) {
        true => counted(call, BLOCK_VALID, bit, || long(call, offset)),
        false => Some(0),
    };
    let number = match which {
        Quota::Path if is(&[Q_QUOTAON]) => {
            return call.text(Place(3)).map_or(Raw::Unknown, Raw::Bytes);
        }
        Quota::Path => return Raw::Missing,
        Quota::Block(offset, bit) => of_block(offset, bit),
        Quota::BlockTime(offset, bit) => of_block(offset, bit).map(|it| it.saturating_mul(SECOND)),
        Quota::InformationTime(offset, bit) if is(&[Q_GETINFO, Q_SETINFO]) => {
            counted(call, INFORMATION_VALID, bit, || long(call, offset))
                .map(|it| it.saturating_mul(SECOND))
        }
        Quota::InformationFlags if is(&[Q_GETINFO, Q_SETINFO]) => {
            counted(call, INFORMATION_VALID, 4, || word(call, 16).map(u64::from))
        }
        Quota::InformationTime(..) | Quota::InformationFlags => Some(0),
        Quota::FormatGiven if is(&[Q_GETFMT]) && call.result == 0 => word(call, 0).map(u64::from),
        Quota::FormatAsked if is(&[Q_QUOTAON]) => Some(u64::from(call.argument(2) as u32)),
        Quota::FormatGiven | Quota::FormatAsked => Some(0),
    };
    let is_coded =
        matches!(which, Quota::InformationFlags | Quota::FormatGiven | Quota::FormatAsked);
    let raw = if is_coded { Raw::Kernel } else { Raw::Unsigned };
    number.map_or(Raw::Unknown, raw)
}

/// A field, or 0 where the struct says that it does not count.
fn counted(
    call: &Call<'_>,
    valid: usize,
    bit: u32,
    field: impl FnOnce() -> Option<u64>,
) -> Option<u64> {
    match word(call, valid)? & bit {
        0 => Some(0),
        _ => field(),
    }
}

fn word(call: &Call<'_>, offset: usize) -> Option<u32> {
    let word = call.bytes(Place(3))?.get(offset..)?.first_chunk()?;
    Some(u32::from_ne_bytes(*word))
}

fn long(call: &Call<'_>, offset: usize) -> Option<u64> {
    let long = call.bytes(Place(3))?.get(offset..)?.first_chunk()?;
    Some(u64::from_ne_bytes(*long))
}
