//! What is drawn with.

/// A colour, opaque or translucent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Color {
    pub(super) rgb: [u8; 3],
    /// From 0, which cannot be seen, to 255.
    pub(super) opacity: u8,
}

impl Color {
    /// Black.
    pub const BLACK: Self = Self::rgb(0, 0, 0);
    /// White.
    pub const WHITE: Self = Self::rgb(255, 255, 255);

    /// An opaque colour.
    pub const fn rgb(red: u8, green: u8, blue: u8) -> Self {
        Self { rgb: [red, green, blue], opacity: u8::MAX }
    }

    /// The same colour, that much of which covers what is below: from 0 to 1.
    #[must_use]
    pub fn opacity(self, share: f32) -> Self {
        Self { opacity: (share.clamp(0.0, 1.0) * 255.0).round() as u8, ..self }
    }

    /// A colour for things of that kind: the same each time, and another one for its neighbours.
    pub fn of_kind(kind: i64) -> Self {
        // Steps of the golden ratio never come back to where they were, and always fall into the widest gap.
        let hue = (kind.rem_euclid(DISTINCT) as f64 * GOLDEN_RATIO).fract();
        let part = |shift: f64| {
            let distance = ((hue + shift).fract() * 6.0 - 3.0).abs() - 1.0;
            (FAINTEST + (255.0 - FAINTEST) * distance.clamp(0.0, 1.0)).round() as u8
        };
        Self::rgb(part(0.0), part(2.0 / 3.0), part(1.0 / 3.0))
    }

    /// Black or white, whichever differs more.
    #[must_use]
    pub fn contrast(self) -> Self {
        if self.brightness() >= 128 { Self::BLACK } else { Self::WHITE }
    }

    /// How bright it looks, from 0 to 255.
    pub fn brightness(self) -> u8 {
        let [red, green, blue] = self.rgb.map(u32::from);
        ((299 * red + 587 * green + 114 * blue + 500) / 1000) as u8
    }
}

/// After so many kinds, colours come again.
const DISTINCT: i64 = 1 << 16;
const GOLDEN_RATIO: f64 = 0.618_033_988_749_895;
/// The least that a colour has of any part, so that none is too dark.
const FAINTEST: f64 = 40.0;
