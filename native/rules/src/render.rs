//! Diagnostics for people: the excerpt with a mark below it, and what to do.
//!
//! **Invariant:** no control byte of a rule file reaches the terminal.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::diagnostic::{Diagnostic, Severity};
use crate::source::RuleFile;

/// Longest text of one message; more is cut.
const TEXT_LIMIT: usize = 600;

/// Letters of a line that are shown around the mark.
const LINE_LIMIT: usize = 4096;

/// Draws a diagnostic.
pub fn render(diagnostic: &Diagnostic, files: &[RuleFile]) -> String {
    let level = match diagnostic.code.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let id = format!("{} {}", diagnostic.code.falco(), diagnostic.code.name());
    let title = match &diagnostic.item {
        Some(item) => harmless(&format!("{item}: {}", diagnostic.message)),
        None => harmless(&diagnostic.message),
    };
    let help = diagnostic.remedy().map(harmless);
    let remark = harmless(&diagnostic.remark);
    let file = files.get(diagnostic.place.file);
    let name = file.map(|file| harmless(&file.name)).unwrap_or_default();
    let excerpt = file.map(|file| Excerpt::of(diagnostic, &file.text)).unwrap_or_default();

    let mut mark = AnnotationKind::Primary.span(excerpt.start..excerpt.end);
    if !remark.is_empty() {
        mark = mark.label(&remark);
    }
    let snippet =
        Snippet::source(&excerpt.text).line_start(excerpt.line).path(&name).annotation(mark);
    let mut report = vec![level.primary_title(&title).id(&id).element(snippet)];
    if let Some(help) = &help {
        report.push(Group::with_title(Level::HELP.secondary_title(help)));
    }
    Renderer::plain().render(&report)
}

/// The lines of a place, made harmless, with the place in them.
#[derive(Default)]
struct Excerpt {
    text: String,
    line: usize,
    start: usize,
    end: usize,
}

impl Excerpt {
    /// The first line of the place; what goes on is cut at its end.
    fn of(diagnostic: &Diagnostic, text: &str) -> Self {
        let start = crate::source::floor_boundary(text, diagnostic.place.range.start);
        let end = crate::source::floor_boundary(text, diagnostic.place.range.end).max(start);
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
        let shown_end = crate::source::floor_boundary(text, line_end.min(start + LINE_LIMIT));
        let before = harmless_line(&text[line_start..start]);
        let marked = harmless_line(&text[start..end.min(shown_end)]);
        let behind = harmless_line(&text[end.min(shown_end)..shown_end]);
        let line = memchr::memchr_iter(b'\n', &text.as_bytes()[..start]).count() + 1;
        let (start, end) = (before.len(), before.len() + marked.len());
        Self { text: before + &marked + &behind, line, start, end }
    }
}

/// Every letter that could steer a terminal becomes one that shows that something was there.
fn harmless_line(text: &str) -> String {
    text.chars().map(|c| if is_harmless(c) { c } else { '\u{fffd}' }).collect()
}

fn harmless(text: &str) -> String {
    let mut harmless = harmless_line(text);
    if harmless.len() > TEXT_LIMIT {
        harmless.truncate(crate::source::floor_boundary(&harmless, TEXT_LIMIT));
        harmless.push('…');
    }
    harmless
}

/// Neither a control letter nor one that turns the direction of writing.
fn is_harmless(letter: char) -> bool {
    let turns = matches!(letter, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    letter == '\t' || !(letter.is_control() || turns)
}
