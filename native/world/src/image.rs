//! What a process runs, from one exec to the next. Forks share it.

use std::sync::{Arc, OnceLock};

use peregrine_capture::event::{Comm, Executable, Flags};
use sha2::{Digest, Sha256};

use crate::{
    budget::{Budget, Charge},
    texts::Texts,
};

/// Hex digits of the hash of argv: 128 bits, so that nobody can make two that are the same.
const HASH_DIGITS: usize = 32;

/// What a process runs. Every joined text is made once, at exec.
#[derive(Debug)]
pub struct Image {
    comm: Comm,
    argv: Texts,
    command_line: CommandLine,
    environment: Arc<Environment>,
    executable: Executable,
    executable_path: Box<[u8]>,
    filename: Box<[u8]>,
    cwd: Box<[u8]>,
    is_memfd: bool,
    is_deleted: bool,
    flags: Flags,
    hash: OnceLock<[u8; HASH_DIGITS]>,
    _charge: Charge,
}

/// An environment, shared by those that pass it on unchanged.
#[derive(Debug)]
pub(crate) struct Environment {
    texts: Texts,
    _charge: Charge,
}

impl Environment {
    /// The former one if it is the same, else a new one.
    pub(crate) fn shared(former: Option<&Image>, bytes: &[u8], budget: &Budget) -> Arc<Self> {
        if let Some(former) = former
            && former.environment.texts.is_made_of(bytes)
        {
            return Arc::clone(&former.environment);
        }
        let texts = Texts::from_nul_ended(bytes);
        let charge = budget.charge(texts.size() + size_of::<Self>());
        Arc::new(Self { texts, _charge: charge })
    }
}

/// Name and arguments in one line; mostly the end of `argv[0]` and arguments, and then not kept
/// twice: `curl x` is the end of `/usr/bin/curl x`.
#[derive(Debug)]
enum CommandLine {
    Within { start: usize, end: usize },
    Own(Box<[u8]>),
}

/// What an image is made of.
pub(crate) struct Parts<'a> {
    pub comm: Comm,
    pub arguments: &'a [u8],
    pub environment: Arc<Environment>,
    pub executable: Executable,
    pub executable_path: &'a [u8],
    pub filename: &'a [u8],
    pub cwd: &'a [u8],
    pub is_memfd: bool,
    pub is_deleted: bool,
    pub flags: Flags,
}

impl Image {
    pub(crate) fn new(parts: Parts<'_>, budget: &Budget) -> Self {
        let argv = Texts::arguments(parts.arguments);
        let command_line = command_line(parts.comm, &argv);
        let own = match &command_line {
            CommandLine::Own(line) => line.len(),
            CommandLine::Within { .. } => 0,
        };
        let texts = parts.executable_path.len() + parts.filename.len() + parts.cwd.len();
        let charge = budget.charge(size_of::<Self>() + argv.size() + own + texts);
        Self {
            comm: parts.comm,
            argv,
            command_line,
            environment: parts.environment,
            executable: parts.executable,
            executable_path: parts.executable_path.into(),
            filename: parts.filename.into(),
            cwd: parts.cwd.into(),
            is_memfd: parts.is_memfd,
            is_deleted: parts.is_deleted,
            flags: parts.flags,
            hash: OnceLock::new(),
            _charge: charge,
        }
    }

    /// Of which nothing but the name is known.
    pub(crate) fn unknown(comm: Comm, argument: &[u8], budget: &Budget) -> Self {
        let parts = Parts {
            comm,
            arguments: argument,
            environment: Environment::shared(None, b"", budget),
            executable: Executable::default(),
            executable_path: b"",
            filename: b"",
            cwd: b"./",
            is_memfd: false,
            is_deleted: false,
            flags: Flags::UNREADABLE,
        };
        Self::new(parts, budget)
    }

    /// The kernel's name of the process when it began to run this.
    pub fn comm(&self) -> Comm {
        self.comm
    }

    /// `argv`
    pub fn argv(&self) -> &Texts {
        &self.argv
    }

    /// `argv[0]`, empty if there is none.
    pub fn exe(&self) -> &[u8] {
        self.argv.get(0).unwrap_or_default()
    }

    /// `argv[1..]`, joined by blanks.
    pub fn args(&self) -> &[u8] {
        self.argv.joined().get(self.exe().len() + 1..).unwrap_or_default()
    }

    /// `argv[index + 1]`, empty if there is none.
    pub fn arg(&self, index: usize) -> &[u8] {
        index.checked_add(1).and_then(|index| self.argv.get(index)).unwrap_or_default()
    }

    /// How many arguments follow `argv[0]`.
    pub fn n_args(&self) -> usize {
        self.argv.len().saturating_sub(1)
    }

    /// Bytes of the arguments that follow `argv[0]`, without separators.
    pub fn args_length(&self) -> usize {
        self.argv.iter().skip(1).map(<[u8]>::len).sum()
    }

    /// Name and arguments.
    pub fn cmdline(&self) -> &[u8] {
        match &self.command_line {
            CommandLine::Within { start, end } => &self.argv.joined()[*start..*end],
            CommandLine::Own(line) => line,
        }
    }

    /// `argv[0]`, a blank, and the arguments.
    pub fn exeline(&self) -> &[u8] {
        self.argv.joined()
    }

    /// The environment as it was at exec.
    pub fn environment(&self) -> &Texts {
        &self.environment.texts
    }

    /// Facts of the file.
    pub fn executable(&self) -> &Executable {
        &self.executable
    }

    /// Path of the file as the kernel has it; `memfd:NAME` for a memfd; empty when not known.
    pub fn executable_path(&self) -> &[u8] {
        &self.executable_path
    }

    /// What exec was asked for; empty when the process was found in `/proc`.
    pub fn filename(&self) -> &[u8] {
        &self.filename
    }

    /// Working directory, ended by `/`; `./` when not known.
    pub fn cwd(&self) -> &[u8] {
        &self.cwd
    }

    /// The file stands in memory only.
    pub fn is_memfd(&self) -> bool {
        self.is_memfd
    }

    /// The file has no name left, or had none.
    pub fn is_deleted(&self) -> bool {
        self.is_deleted
    }

    /// What of this is not the whole truth.
    pub fn flags(&self) -> Flags {
        self.flags
    }

    /// Hash of all of `argv` that was captured, in hex; made when first asked for.
    pub fn args_hash(&self) -> &[u8] {
        self.hash.get_or_init(|| hash(&self.argv))
    }
}

fn command_line(comm: Comm, argv: &Texts) -> CommandLine {
    let exe_length = argv.get(0).map_or(0, <[u8]>::len);
    let line = argv.joined();
    let end = if argv.len() > 1 { line.len() } else { exe_length };
    if line[..exe_length].ends_with(comm.as_bytes()) {
        return CommandLine::Within { start: exe_length - comm.as_bytes().len(), end };
    }
    CommandLine::Own(with_name(comm, argv).into())
}

/// Name and arguments, for a process whose name is no longer its image's.
pub(crate) fn with_name(comm: Comm, argv: &Texts) -> Vec<u8> {
    let exe_length = argv.get(0).map_or(0, <[u8]>::len);
    let mut line = comm.as_bytes().to_vec();
    if argv.len() > 1 {
        line.extend_from_slice(&argv.joined()[exe_length..]);
    }
    line
}

fn hash(argv: &Texts) -> [u8; HASH_DIGITS] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut hasher = Sha256::new();
    for text in argv.iter() {
        hasher.update(text);
        hasher.update(b"\0");
    }
    let mut hex = [0; HASH_DIGITS];
    for (pair, byte) in hex.chunks_exact_mut(2).zip(hasher.finalize()) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    hex
}
