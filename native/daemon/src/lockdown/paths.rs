//! Landlock: which paths can be reached, and that nothing else of the machine can.

use std::path::Path;

use anyhow::{Context as _, bail};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, NetPort, PathBeneath, PathFd,
    RestrictionStatus, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetStatus,
    Scope,
};

use super::{
    Needs,
    needs::{folder, is_broad},
};

/// What is asked for; an older kernel gives what it has of it.
const WANTED: ABI = ABI::V7;

/// Restricts the calling thread; gives the version in force.
pub(super) fn restrict(needs: &Needs) -> anyhow::Result<i32> {
    let ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(WANTED))?
        .handle_access(AccessNet::from_all(WANTED))?
        .scope(Scope::from_all(WANTED))?
        .create()?;
    in_force(add(ruleset, needs)?.restrict_self()?)
}

fn in_force(status: RestrictionStatus) -> anyhow::Result<i32> {
    match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, LandlockStatus::NotEnabled) => {
            bail!("not enabled in this kernel: boot with landlock in lsm=")
        }
        (RulesetStatus::NotEnforced, _) => bail!("not in this kernel (5.13 and later have it)"),
        (_, LandlockStatus::Available { effective_abi, .. }) => Ok(effective_abi as i32),
        (_, status) => bail!("in an unknown state: {status:?}"),
    }
}

fn add(mut ruleset: RulesetCreated, needs: &Needs) -> anyhow::Result<RulesetCreated> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    for path in needs.all_read() {
        ruleset = allow(ruleset, &path, read)?;
    }
    for path in &needs.own {
        let write = AccessFs::WriteFile | AccessFs::Truncate;
        let own = read | write | AccessFs::MakeReg | AccessFs::RemoveFile;
        ruleset = allow(ruleset, path, own)?;
    }
    for path in &needs.append {
        // A pipe or a terminal is not rotated, and in /dev there is more than that.
        let place = folder(path).filter(|folder| is_rotated(path) && !is_broad(folder));
        let make = AccessFs::WriteFile | AccessFs::MakeReg;
        ruleset = allow(ruleset, place.unwrap_or(path), make)?;
    }
    for path in &needs.sockets {
        if let Some(folder) = folder(path) {
            ruleset = allow(ruleset, folder, AccessFs::RemoveFile.into())?;
        }
    }
    for &port in &needs.connect {
        ruleset = ruleset.add_rule(NetPort::new(port, AccessNet::ConnectTcp))?;
    }
    Ok(ruleset)
}

fn is_rotated(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file())
}

/// What is not there needs no permission.
fn allow(
    ruleset: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> anyhow::Result<RulesetCreated> {
    let Ok(place) = PathFd::new(path) else { return Ok(ruleset) };
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(WANTED) };
    ruleset
        .add_rule(PathBeneath::new(place, access))
        .with_context(|| format!("allow {}", path.display()))
}
