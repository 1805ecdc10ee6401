//! Comparisons: does the operator go with the type, and what does it ask.

use super::operand::Typed;
use super::{Site, Typing, constant};
use crate::check::{Check, Order, Pattern, Relation, Several, Wanted};
use crate::condition::{Comparison, Literal, Operand, Right};
use crate::diagnostic::Code;
use crate::events::{EventSet, EventType, nearest_event};
use crate::expression::ExprId;
use crate::facts::{Truth, Value};
use crate::fields::host_name;
use crate::fields::{Argument, FieldId, FieldType, Trait, is_field, lookup};
use crate::operators::{Modifier, Operator};
use crate::parser::TRANSFORMERS;

/// Regular expressions of all rules: each takes about 12 KiB, and far more if it repeats much.
const REGEXES_LIMIT: usize = 10_000;

impl Typing<'_> {
    pub(super) fn comparison(
        &mut self,
        site: &mut Site<'_>,
        comparison: &Comparison,
    ) -> Option<ExprId> {
        if site.is_full_of_mistakes() {
            return None;
        }
        let left = self.operand(site, &comparison.left)?;
        if !self.operator_fits(site, comparison, &left) {
            return None;
        }
        self.warn_of_corrections(site, comparison, &left);
        self.warn_of_names(site, comparison, &left);
        match &comparison.right {
            Right::Nothing => Some(self.ask(&left, Check::Exists)),
            Right::Operand(right) => self.with_value(site, comparison, &left, right),
            Right::One(literal) => {
                self.with_literals(site, comparison, &left, std::slice::from_ref(literal))
            }
            Right::List(literals) => self.with_literals(site, comparison, &left, literals),
        }
    }

    fn operator_fits(&self, site: &mut Site<'_>, comparison: &Comparison, left: &Typed) -> bool {
        let operator = comparison.operator;
        let is_around = left.field.as_ref().is_some_and(|it| it.id == FieldId::EvtAround);
        let fits = operator.fits(left.field_type)
            && (!is_around
                || matches!(operator, Operator::Equal | Operator::Same | Operator::Exists));
        if !fits {
            let message = format!(
                "`{}` does not go with `{}`, whose type is {}",
                operator.text(),
                comparison.left,
                left.field_type.word()
            );
            let help = format!("it goes with {}", Operator::fitting(left.field_type));
            let span = comparison.operator_span.clone();
            site.report(self.files, Code::UnfitOperator, span, message, &help);
        }
        fits
    }

    /// Says where a comparison does what it says, and not what Falco does.
    fn warn_of_corrections(&self, site: &mut Site<'_>, comparison: &Comparison, left: &Typed) {
        let Some(field) = &left.field else { return };
        let operator = comparison.operator;
        let is_list = matches!(comparison.right, Right::List(_));
        let several = matches!(&comparison.right, Right::List(list) if list.len() > 1);
        let set = matches!(operator, Operator::In | Operator::Intersects) && is_list;
        let text = &field.text;
        let message = if set && field.id == FieldId::FdIp {
            format!("Falco never finds `{text}` in a list; here either end is looked up")
        } else if set && field.id == FieldId::FdNet && several {
            format!("Falco looks only at the first network for `{text}`; here at all of them")
        } else if set && (field.id == FieldId::ProcApid && field.is_any_ancestor()) {
            format!("Falco never finds `{text}` in a list; here any ancestor is looked up")
        } else if set && field.id == FieldId::EvtRawarg && left.field_type.is_number() {
            format!("Falco never finds `{text}` in a list of numbers; here it is looked up")
        } else if operator == Operator::Intersects && field.id.row().is(Trait::EitherEnd) {
            format!("Falco fails at run time for `{text}` with `intersects`; here it means `in`")
        } else if comparison.modifier.is_some() && field.has_candidates() && several {
            format!("Falco looks only at the first value for `{text}`; here at all of them")
        } else {
            return;
        };
        site.report(self.files, Code::CorrectedComparison, comparison.span.clone(), message, "");
    }

    /// Only whole names can be resolved.
    fn warn_of_names(&self, site: &mut Site<'_>, comparison: &Comparison, left: &Typed) {
        let Some(field) = left.field.as_ref().filter(|it| it.id.row().is(Trait::HostName)) else {
            return;
        };
        let operator = comparison.operator;
        if operator == Operator::Exists || resolves(operator) {
            return;
        }
        let message = format!(
            "`{}` has only the names that rules compare by `=`, `!=` or `in`; `{}` finds no others",
            field.text,
            operator.text()
        );
        let help = "name the hosts with `in (…)`";
        let span = comparison.operator_span.clone();
        site.report(self.files, Code::SuspiciousValue, span, message, help);
    }

    fn ask(&mut self, left: &Typed, check: Check) -> ExprId {
        if let Some((from, to)) = around(left, &check) {
            return self.between_times(from, to);
        }
        match self.settled(left, &check) {
            Some(id) => id,
            None => self.expressions.add_test(left.value, left.several, check),
        }
    }

    fn between_times(&mut self, from: i128, to: i128) -> ExprId {
        let Ok(field) = lookup("evt.rawtime", None) else {
            return self.expressions.constant(false);
        };
        let time = self.typed_field(field);
        let from = Check::NumberOrder(Order::GreaterOrEqual, from);
        let to = Check::NumberOrder(Order::LessOrEqual, to);
        let parts =
            [from, to].map(|check| self.expressions.add_test(time.value, time.several, check));
        self.expressions.and(parts.to_vec())
    }

    /// What is settled by the type of the event alone, or always.
    fn settled(&mut self, left: &Typed, check: &Check) -> Option<ExprId> {
        let field = left.field.as_ref()?;
        if field.id == FieldId::EvtNum {
            return self.settled_count(check);
        }
        let arena = bumpalo::Bump::new();
        let compiled = crate::check::Compiled::new(check);
        let holds = |event: EventType| {
            let value = static_value(field.id, &field.argument, event)?;
            Some(compiled.ask(Several::Any, &value, &Value::Absent, &arena) == Truth::True)
        };
        holds(EventType::all().next()?)?;
        let set: EventSet = EventType::all().filter(|event| holds(*event) == Some(true)).collect();
        Some(self.expressions.event_is(set))
    }

    /// Events are counted from 1, which rules use to say "always" and "never".
    fn settled_count(&mut self, check: &Check) -> Option<ExprId> {
        let always = match check {
            Check::Exists => true,
            Check::Numbers(numbers, Wanted::Member) if numbers.iter().all(|it| *it == 0) => false,
            Check::Numbers(numbers, Wanted::Stranger) if numbers.iter().all(|it| *it == 0) => true,
            Check::NumberOrder(Order::Less, ..=1) => false,
            Check::NumberOrder(Order::LessOrEqual, ..=0) => false,
            Check::NumberOrder(Order::Greater, ..=0) => true,
            Check::NumberOrder(Order::GreaterOrEqual, ..=1) => true,
            _ => return None,
        };
        Some(self.expressions.constant(always))
    }

    fn with_value(
        &mut self,
        site: &mut Site<'_>,
        comparison: &Comparison,
        left: &Typed,
        right: &Operand,
    ) -> Option<ExprId> {
        let typed = self.operand(site, right)?;
        let span = right.span().clone();
        let unfit = if comparison.modifier.is_some() {
            Some("a modifier needs a list of constants".to_owned())
        } else if let Some(field) = [left, &typed].into_iter().find_map(never_beside_field) {
            Some(format!("`{field}` cannot be compared with another field"))
        } else if left.field_type != typed.field_type {
            let (left, right) = (left.field_type.word(), typed.field_type.word());
            Some(format!("a {left} cannot be compared with a {right}"))
        } else {
            None
        };
        if let Some(message) = unfit {
            site.report(self.files, Code::UnfitValue, span, message, "");
            return None;
        }
        let operator = match comparison.operator {
            // One value is in another if it is that.
            Operator::In | Operator::Intersects if left.several != Several::List => Operator::Equal,
            operator => operator,
        };
        let Some(relation) = relation(operator) else {
            let message = format!("`{}` needs constants on its right", comparison.operator.text());
            site.report(self.files, Code::UnfitValue, span, message, "");
            return None;
        };
        let check = Check::Value(relation, typed.value);
        Some(self.expressions.add_test(left.value, left.several, check))
    }

    fn with_literals(
        &mut self,
        site: &mut Site<'_>,
        comparison: &Comparison,
        left: &Typed,
        literals: &[Literal],
    ) -> Option<ExprId> {
        if comparison.operator == Operator::Regex && !self.has_room_for_regexes(site, literals) {
            return None;
        }
        let before = site.found.len();
        let constants: Vec<_> = literals
            .iter()
            .map(|literal| {
                self.warn_of_value(site, comparison, left, literal);
                self.one_constant(site, comparison.operator, left, literal)
            })
            .collect();
        let constants: Vec<Check> = constants.into_iter().collect::<Option<_>>()?;
        if site.found[before..].iter().any(|it| it.is_error()) {
            return None;
        }
        Some(self.combined(comparison, left, &constants))
    }

    /// Puts the checks of single constants together as operator and modifier say.
    fn combined(&mut self, comparison: &Comparison, left: &Typed, checks: &[Check]) -> ExprId {
        if left.several == Several::List {
            let texts = checks.iter().filter_map(|check| match check {
                Check::Texts(texts, _) => texts.first().cloned(),
                _ => None,
            });
            let texts = sorted(texts.collect());
            let check = match comparison.operator {
                Operator::In => Check::EveryIn(texts),
                _ => Check::SomeIn(texts),
            };
            return self.ask(left, check);
        }
        let merged = Check::any_of(&checks.iter().collect::<Vec<_>>());
        match (comparison.modifier, merged, checks) {
            (_, None, []) => self.expressions.constant(false),
            (None | Some(Modifier::Any), Some(check), _) => self.ask(left, check),
            (modifier, ..) => {
                let parts = checks.iter().map(|check| self.ask(left, check.clone())).collect();
                match modifier {
                    Some(Modifier::All) => self.expressions.and(parts),
                    Some(Modifier::One) => self.expressions.exactly_one(parts),
                    None | Some(Modifier::Any) => self.expressions.or(parts),
                }
            }
        }
    }

    /// The check that a single constant asks for.
    fn one_constant(
        &mut self,
        site: &mut Site<'_>,
        operator: Operator,
        left: &Typed,
        literal: &Literal,
    ) -> Option<Check> {
        let id = left.field.as_ref().map(|field| field.id);
        if matches!(id, Some(FieldId::EvtType | FieldId::SyscallType)) {
            return self.event_constant(site, id == Some(FieldId::EvtType), operator, literal);
        }
        match check_of(operator, left.field_type, &literal.bytes) {
            Ok((check, false)) => Some(check),
            Ok((check, true)) => {
                let message = "-1 stands here for the largest value, which means that none is set";
                let span = literal.span.clone();
                site.report(self.files, Code::CorrectedComparison, span, message, "");
                Some(check)
            }
            Err(unfit) => {
                let code = if operator == Operator::Regex {
                    Code::InvalidPattern
                } else {
                    Code::UnfitValue
                };
                site.report(self.files, code, literal.span.clone(), unfit.message, &unfit.help);
                None
            }
        }
    }

    /// Counts regular expressions; says once that they are too many.
    fn has_room_for_regexes(&mut self, site: &mut Site<'_>, literals: &[Literal]) -> bool {
        let had_room = self.n_regexes <= REGEXES_LIMIT;
        self.n_regexes += literals.len();
        let has_room = self.n_regexes <= REGEXES_LIMIT;
        if let (true, false, [first, ..]) = (had_room, has_room, literals) {
            let message = format!("the rules have more than {REGEXES_LIMIT} regular expressions");
            let help = "`in`, `startswith` and `contains` take lists of any length";
            site.report(self.files, Code::InvalidPattern, first.span.clone(), message, help);
        }
        has_room
    }

    fn event_constant(
        &mut self,
        site: &mut Site<'_>,
        must_be_known: bool,
        operator: Operator,
        literal: &Literal,
    ) -> Option<Check> {
        let written = String::from_utf8_lossy(&literal.bytes).into_owned();
        let span = literal.span.clone();
        let Some(event) = EventType::from_rule_name(&written) else {
            let near = nearest_event(&written);
            let help = near.map_or(String::new(), |near| format!("did you mean `{near}`?"));
            let message = format!("there is no event type `{written}`");
            let code = if must_be_known { Code::UnknownEventType } else { Code::SuspiciousValue };
            site.report(self.files, code, span, message, &help);
            return if must_be_known {
                None
            } else {
                check_of(operator, FieldType::Text, &literal.bytes).ok().map(|(it, _)| it)
            };
        };
        if EventType::from_name(&written).is_none() {
            let name = event.name();
            let message =
                format!("events of `{written}` are called `{name}`; Falco never finds `{written}`");
            site.report(
                self.files,
                Code::CorrectedComparison,
                span,
                message,
                &format!("write `{name}`"),
            );
            return check_of(operator, FieldType::Text, name.as_bytes()).ok().map(|(it, _)| it);
        }
        self.warn_not_captured(site, operator, event, literal);
        check_of(operator, FieldType::Text, &literal.bytes).ok().map(|(it, _)| it)
    }

    fn warn_not_captured(
        &self,
        site: &mut Site<'_>,
        operator: Operator,
        event: EventType,
        literal: &Literal,
    ) {
        let names = matches!(operator, Operator::Equal | Operator::Same | Operator::In);
        if names && event.is_plain_io() {
            let message = format!(
                "`{}` is not captured unless asked for: there are many such calls",
                event.name()
            );
            let help = "start with -A, or `base_syscalls: {all: true}`";
            site.report(self.files, Code::NotCaptured, literal.span.clone(), message, help);
        }
    }

    /// A constant that looks as if something else was meant.
    fn warn_of_value(
        &self,
        site: &mut Site<'_>,
        comparison: &Comparison,
        left: &Typed,
        literal: &Literal,
    ) {
        let Ok(text) = std::str::from_utf8(&literal.bytes) else { return };
        let text = text.trim();
        let span = literal.span.clone();
        let is_host_name = left.field.as_ref().is_some_and(|it| it.id.row().is(Trait::HostName));
        if is_host_name && resolves(comparison.operator) && !host_name::is_one(text) {
            let message = format!("`{text}` is not a name that can be resolved");
            let help = "one whole name, such as `api.example.com`; others in their `xn--` form";
            site.report(self.files, Code::SuspiciousValue, span, message, help);
            return;
        }
        if text.contains('.') && left.field_type == FieldType::Text && is_field(text) {
            let message = format!("`{text}` is the name of a field, and stands here as a text");
            let help = format!("write `val({text})` to compare with the field");
            site.report(self.files, Code::SuspiciousValue, span, message, &help);
        } else if is_transformer_call(text) {
            let message = format!("`{text}` looks like a transformer, and stands here as a text");
            let help = "write it without quotes";
            site.report(self.files, Code::SuspiciousValue, span, message, help);
        } else if comparison.operator == Operator::Regex && is_plain_pattern(text) {
            let message = "this regular expression has nothing of one";
            let help = "`=`, `contains`, `startswith` and `endswith` are faster and say more";
            site.report(self.files, Code::SuspiciousValue, span, message, help);
        }
    }
}

/// The times that `evt.around[time] = milliseconds` allows.
fn around(left: &Typed, check: &Check) -> Option<(i128, i128)> {
    const NANOSECONDS: i128 = 1_000_000;
    let field = left.field.as_ref().filter(|field| field.id == FieldId::EvtAround)?;
    match (&field.argument, check) {
        (Argument::Index(time), Check::Numbers(distance, Wanted::Member)) => {
            let distance = distance.first()? * NANOSECONDS;
            Some((i128::from(*time) - distance, i128::from(*time) + distance))
        }
        _ => None,
    }
}

/// The value that a field has for every event of a type, if the type settles it.
fn static_value(id: FieldId, argument: &Argument, event: EventType) -> Option<Value<'static>> {
    Some(match (id, argument) {
        (FieldId::EvtType, _) => Value::Str(event.name().as_bytes()),
        (FieldId::SyscallType, _) if event.is_syscall() => Value::Str(event.name().as_bytes()),
        (FieldId::SyscallType, _) => Value::Absent,
        (FieldId::EvtTypeIs, Argument::Event(wanted)) => Value::U64((*wanted == event).into()),
        (FieldId::EvtDir, _) => Value::Str(b"<"),
        (FieldId::EvtCount, _) => Value::U64(1),
        _ => return None,
    })
}

/// Whether the constants of a comparison are names to look up.
fn resolves(operator: Operator) -> bool {
    matches!(
        operator,
        Operator::Equal
            | Operator::Same
            | Operator::Different
            | Operator::In
            | Operator::Intersects
    )
}

fn never_beside_field(typed: &Typed) -> Option<Box<str>> {
    let field = typed.field.as_ref()?;
    let never = field.id.row().is(Trait::NoRight)
        || matches!(field.id, FieldId::EvtType | FieldId::SyscallType);
    never.then(|| field.text.clone())
}

fn relation(operator: Operator) -> Option<Relation> {
    Some(match operator {
        Operator::Same | Operator::Equal => Relation::Same,
        Operator::Different => Relation::Different,
        Operator::Less => Relation::Ordered(Order::Less),
        Operator::LessOrEqual => Relation::Ordered(Order::LessOrEqual),
        Operator::Greater => Relation::Ordered(Order::Greater),
        Operator::GreaterOrEqual => Relation::Ordered(Order::GreaterOrEqual),
        Operator::Contains => Relation::Contains,
        Operator::CaselessContains => Relation::CaselessContains,
        Operator::StartsWith => Relation::StartsWith,
        Operator::EndsWith => Relation::EndsWith,
        Operator::Glob => Relation::Glob,
        Operator::CaselessGlob => Relation::CaselessGlob,
        Operator::In => Relation::EveryIn,
        Operator::Intersects => Relation::SomeIn,
        Operator::Exists
        | Operator::Regex
        | Operator::PathPrefix
        | Operator::BytesContain
        | Operator::BytesStart => return None,
    })
}

/// What an operator and a constant ask of a value of a type, and whether the constant was taken for
/// something else than its letters say.
fn check_of(
    operator: Operator,
    field_type: FieldType,
    bytes: &[u8],
) -> Result<(Check, bool), constant::Unfit> {
    if let Some(pattern) = pattern(operator) {
        let bytes = match (operator, field_type) {
            (Operator::Regex, _) => constant::regex(bytes)?,
            (Operator::BytesContain | Operator::BytesStart, _) => constant::hexadecimal(bytes)?,
            (_, FieldType::Bytes) => bytes.to_vec(),
            _ => constant::text(bytes)?,
        };
        return Ok((Check::Pattern(pattern, vec![bytes]), false));
    }
    let order = order(operator);
    let wanted = if operator == Operator::Different { Wanted::Stranger } else { Wanted::Member };
    let check = match field_type {
        FieldType::Text | FieldType::TextList => match order {
            Some(order) => Check::TextOrder(order, constant::text(bytes)?),
            None => Check::Texts(vec![constant::text(bytes)?], wanted),
        },
        FieldType::Bytes | FieldType::Dynamic => Check::Texts(vec![bytes.to_vec()], wanted),
        FieldType::Bool => Check::Bools(vec![constant::boolean(bytes)?], wanted),
        FieldType::Ip => Check::Addresses(vec![constant::address(bytes)?], wanted),
        FieldType::Net => Check::Networks(vec![constant::network(bytes)?], wanted),
        FieldType::F64 => match order {
            Some(order) => Check::FractionOrder(order, constant::fraction(bytes)?),
            None => Check::Fractions(vec![constant::fraction(bytes)?], wanted),
        },
        _ => {
            let (number, corrected) = constant::number(field_type, bytes)?;
            let check = match order {
                Some(order) => Check::NumberOrder(order, number),
                None => Check::Numbers(vec![number], wanted),
            };
            return Ok((check, corrected));
        }
    };
    Ok((check, false))
}

fn pattern(operator: Operator) -> Option<Pattern> {
    Some(match operator {
        Operator::Contains | Operator::BytesContain => Pattern::Contains,
        Operator::CaselessContains => Pattern::CaselessContains,
        Operator::StartsWith | Operator::BytesStart => Pattern::StartsWith,
        Operator::EndsWith => Pattern::EndsWith,
        Operator::Glob => Pattern::Glob,
        Operator::CaselessGlob => Pattern::CaselessGlob,
        Operator::Regex => Pattern::Regex,
        Operator::PathPrefix => Pattern::PathPrefix,
        _ => return None,
    })
}

fn order(operator: Operator) -> Option<Order> {
    Some(match operator {
        Operator::Less => Order::Less,
        Operator::LessOrEqual => Order::LessOrEqual,
        Operator::Greater => Order::Greater,
        Operator::GreaterOrEqual => Order::GreaterOrEqual,
        _ => return None,
    })
}

fn sorted(mut texts: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    texts.sort_unstable();
    texts.dedup();
    texts
}

/// Whether a text is what a transformer with its arguments looks like.
fn is_transformer_call(text: &str) -> bool {
    text.strip_suffix(')')
        .and_then(|text| text.split_once('('))
        .is_some_and(|(name, _)| name == "val" || TRANSFORMERS.contains(&name.trim_end()))
}

/// Whether a pattern could as well be a plain text, `.*` at its ends aside.
fn is_plain_pattern(pattern: &str) -> bool {
    let inner = pattern.trim_start_matches('^').trim_end_matches('$');
    let inner = [".*", ".+", ".?"].iter().fold(inner, |inner, any| {
        let inner = inner.strip_prefix(any).unwrap_or(inner);
        inner.strip_suffix(any).unwrap_or(inner)
    });
    !inner.contains(|c: char| "\\.+*?()|[]{}^$".contains(c))
}
