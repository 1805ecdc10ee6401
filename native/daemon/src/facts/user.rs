//! `user.*` and `group.*`.

use peregrine_rules::{FieldId, Value};
use peregrine_world::{Process, World};

/// Where an id has no name.
const UNKNOWN: &[u8] = b"<NA>";

/// The ids of the thread at the time of the event.
#[derive(Clone, Copy)]
pub struct Ids {
    pub euid: u32,
    pub egid: u32,
    pub loginuid: u32,
}

/// A field of the user or group of the thread.
pub fn field<'a>(id: FieldId, ids: Ids, process: &'a Process, world: &'a World) -> Value<'a> {
    let user = || world.user(process, ids.euid);
    match id {
        FieldId::UserUid => Value::U64(u64::from(ids.euid)),
        FieldId::UserName => Value::Str(user_name(ids.euid, process, world)),
        FieldId::UserHomedir => match (user(), ids.euid) {
            (Some(user), _) => Value::Str(user.home),
            (None, 0) => Value::Str(b"/root"),
            (None, _) => Value::Str(UNKNOWN),
        },
        FieldId::UserShell => Value::Str(user().map_or(UNKNOWN, |user| user.shell)),
        FieldId::UserLoginuid => match ids.loginuid {
            u32::MAX => Value::I64(-1),
            loginuid => Value::I64(i64::from(loginuid)),
        },
        FieldId::UserLoginname if ids.loginuid == u32::MAX => Value::Str(UNKNOWN),
        FieldId::UserLoginname => Value::Str(user_name(ids.loginuid, process, world)),
        FieldId::GroupGid => Value::U64(u64::from(ids.egid)),
        FieldId::GroupName => Value::Str(group_name(ids.egid, process, world)),
        _ => Value::Absent,
    }
}

/// `root` for 0 even where no file says so.
pub fn user_name<'a>(uid: u32, process: &'a Process, world: &'a World) -> &'a [u8] {
    match world.user(process, uid) {
        Some(user) => user.name,
        None if uid == 0 => b"root",
        None => UNKNOWN,
    }
}

/// `root` for 0 even where no file says so.
pub fn group_name<'a>(gid: u32, process: &'a Process, world: &'a World) -> &'a [u8] {
    match world.group_name(process, gid) {
        Some(name) => name,
        None if gid == 0 => b"root",
        None => UNKNOWN,
    }
}
