//! What a control can be set to.

use super::super::device::{Device, text};
use super::super::v4l2::{ControlQuery, MenuItem, control, requests};

/// What a control can be set to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum WebcamControlKind {
    /// A number.
    Integer {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
        /// From one to the next.
        step: u64,
        /// What the driver begins with.
        default: i64,
    },
    /// Off, which is 0, or on, which is 1.
    Boolean {
        /// What the driver begins with.
        default: bool,
    },
    /// One of several.
    Menu {
        /// Which ones.
        items: Vec<WebcamMenuItem>,
        /// The value of that which the driver begins with.
        default: i64,
    },
    /// Bits, each of which is on or off.
    Bitmask {
        /// Those that there are.
        bits: u32,
        /// What the driver begins with.
        default: u32,
    },
    /// Does something when it is set, to whatever.
    Button,
    /// Something that cannot be set here: text, or numbers of more than 32 bits.
    Other,
}

/// One item of a menu.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WebcamMenuItem {
    /// What the control is set to for it.
    pub value: i64,
    /// What the driver calls it.
    pub label: String,
}

impl WebcamControlKind {
    pub(super) fn read(device: &Device, query: &ControlQuery) -> Self {
        let (min, max, default) = (query.minimum, query.maximum, query.default_value);
        match query.type_ {
            control::INTEGER => Self::Integer { min, max, step: query.step, default },
            control::BOOLEAN => Self::Boolean { default: default != 0 },
            control::MENU | control::INTEGER_MENU => {
                Self::Menu { items: items(device, query), default }
            }
            control::BITMASK => Self::Bitmask { bits: max as u32, default: default as u32 },
            control::BUTTON => Self::Button,
            _ => Self::Other,
        }
    }

    /// What is sent to the driver for that value; `None` if it cannot be set to it.
    pub(super) fn encode(&self, value: i64) -> Option<i32> {
        let is_allowed = match self {
            Self::Integer { min, max, .. } => (*min..=*max).contains(&value),
            Self::Boolean { .. } => (0..=1).contains(&value),
            Self::Menu { items, .. } => items.iter().any(|item| item.value == value),
            Self::Bitmask { bits, .. } => {
                return u32::try_from(value)
                    .ok()
                    .filter(|set| set & !bits == 0)
                    .map(u32::cast_signed);
            }
            Self::Button => true,
            Self::Other => false,
        };
        i32::try_from(value).ok().filter(|_| is_allowed)
    }

    pub(super) fn decode(&self, value: i32) -> i64 {
        match self {
            Self::Bitmask { .. } => value.cast_unsigned().into(),
            _ => value.into(),
        }
    }

    pub(super) fn allowed(&self) -> String {
        match self {
            Self::Integer { min, max, .. } => format!("{min} to {max}"),
            Self::Boolean { .. } => "0 or 1".to_owned(),
            Self::Menu { items, .. } => {
                let shown = |item: &WebcamMenuItem| format!("{} ({})", item.value, item.label);
                items.iter().map(shown).collect::<Vec<_>>().join(", ")
            }
            Self::Bitmask { bits, .. } => format!("bits of {bits:#x}"),
            Self::Button => "any number of 32 bits".to_owned(),
            Self::Other => "nothing".to_owned(),
        }
    }
}

/// Items between the first and the last may be missing.
fn items(device: &Device, query: &ControlQuery) -> Vec<WebcamMenuItem> {
    let first = u32::try_from(query.minimum).unwrap_or(0);
    let last = u32::try_from(query.maximum).unwrap_or(0).min(first.saturating_add(MAX_ITEMS));
    (first..=last).filter_map(|index| item(device, query, index)).collect()
}

fn item(device: &Device, query: &ControlQuery, index: u32) -> Option<WebcamMenuItem> {
    let mut answer = MenuItem::query(query.id, index);
    device.ask(&requests::MENU_ITEM, &mut answer).ok()?;
    let label = match query.type_ {
        control::INTEGER_MENU => answer.number().to_string(),
        _ => text(&answer.name()),
    };
    Some(WebcamMenuItem { value: index.into(), label })
}

/// A driver that never comes to an end is left at some point.
const MAX_ITEMS: u32 = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn menu(values: &[i64]) -> WebcamControlKind {
        let item = |value: &i64| WebcamMenuItem { value: *value, label: format!("no. {value}") };
        WebcamControlKind::Menu { items: values.iter().map(item).collect(), default: 0 }
    }

    #[test]
    fn values_are_checked_against_what_a_control_can_be() {
        let integer = WebcamControlKind::Integer { min: -5, max: 5, step: 2, default: 0 };
        let wide = WebcamControlKind::Integer { min: i64::MIN, max: i64::MAX, step: 1, default: 0 };
        let bits = WebcamControlKind::Bitmask { bits: 0x8000_0003, default: 0 };
        for (kind, good, bad) in [
            (&integer, [-5, 4], [-6, 6]),
            (&wide, [i32::MIN.into(), i32::MAX.into()], [i64::MIN, i64::MAX]),
            (&WebcamControlKind::Boolean { default: true }, [0, 1], [-1, 2]),
            (&menu(&[1, 3]), [1, 3], [0, 2]),
            (&bits, [1, 0x8000_0000], [4, -1]),
        ] {
            assert!(good.iter().all(|&value| kind.encode(value).is_some()), "{kind:?}");
            assert!(bad.iter().all(|&value| kind.encode(value).is_none()), "{kind:?}");
        }
        assert_eq!(WebcamControlKind::Other.encode(0), None);
    }

    #[test]
    fn bits_survive_the_way_to_the_driver_and_back() {
        let bits = WebcamControlKind::Bitmask { bits: u32::MAX, default: 0 };
        let encoded = bits.encode(0xF000_0001).unwrap();
        assert!(encoded < 0);
        assert_eq!(bits.decode(encoded), 0xF000_0001);
    }

    #[test]
    fn an_error_says_what_is_allowed() {
        assert_eq!(menu(&[1, 3]).allowed(), "1 (no. 1), 3 (no. 3)");
    }
}
