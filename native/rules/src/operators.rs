//! The operators of conditions, what their right sides look like, and the types they go with.

use crate::fields::FieldType;

/// How the right side of an operator is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RightSide {
    Nothing,
    Number,
    Word,
    List,
}

macro_rules! operators {
    ($($id:ident $text:literal $right:ident $word:literal;)*) => {
        /// An operator.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) enum Operator {
            $($id,)*
        }

        impl Operator {
            /// All operators, longer texts before those that they begin with.
            pub const ALL: &[Self] = &[$(Self::$id,)*];

            /// The text in a condition.
            pub fn text(self) -> &'static str {
                match self { $(Self::$id => $text,)* }
            }

            /// What is written behind it.
            pub fn right(self) -> RightSide {
                match self { $(Self::$id => RightSide::$right,)* }
            }

            /// Whether a blank must follow.
            pub fn needs_blank(self) -> bool {
                match self { $(Self::$id => $word,)* }
            }
        }
    };
}

operators! {
    Exists "exists" Nothing false;
    LessOrEqual "<=" Number false;
    Less "<" Number false;
    GreaterOrEqual ">=" Number false;
    Greater ">" Number false;
    Same "==" Word false;
    Equal "=" Word false;
    Different "!=" Word false;
    Glob "glob" Word true;
    CaselessGlob "iglob" Word true;
    CaselessContains "icontains" Word true;
    BytesContain "bcontains" Word true;
    Contains "contains" Word true;
    BytesStart "bstartswith" Word true;
    StartsWith "startswith" Word true;
    EndsWith "endswith" Word true;
    Regex "regex" Word true;
    Intersects "intersects" List false;
    In "in" List false;
    PathPrefix "pmatch" List false;
}

/// How many of a list's values must satisfy the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Modifier {
    One,
    Any,
    All,
}

impl Modifier {
    pub const ALL: [Self; 3] = [Self::One, Self::Any, Self::All];

    pub fn text(self) -> &'static str {
        match self {
            Self::One => "oneof",
            Self::Any => "anyof",
            Self::All => "allof",
        }
    }
}

impl Operator {
    /// The operator with this text, blanks around it ignored.
    pub fn from_text(text: &str) -> Option<Self> {
        let text = text.trim();
        Self::ALL.iter().copied().find(|operator| operator.text() == text)
    }

    /// Whether the operator goes with values of a type.
    pub fn fits(self, field_type: FieldType) -> bool {
        match self {
            Self::Exists => true,
            Self::In | Self::Intersects => field_type != FieldType::Dynamic,
            Self::Same | Self::Equal | Self::Different => {
                !matches!(field_type, FieldType::Dynamic | FieldType::TextList)
            }
            Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual => {
                field_type.is_number() || field_type == FieldType::Text
            }
            Self::Contains | Self::StartsWith | Self::EndsWith => {
                matches!(field_type, FieldType::Text | FieldType::Bytes)
            }
            Self::BytesContain | Self::BytesStart => field_type == FieldType::Bytes,
            Self::Glob
            | Self::CaselessGlob
            | Self::CaselessContains
            | Self::Regex
            | Self::PathPrefix => field_type == FieldType::Text,
        }
    }

    /// The operators that go with values of a type, for messages.
    pub fn fitting(field_type: FieldType) -> String {
        let fitting: Vec<_> =
            Self::ALL.iter().filter(|it| it.fits(field_type)).map(|it| it.text()).collect();
        fitting.join(" ")
    }
}
