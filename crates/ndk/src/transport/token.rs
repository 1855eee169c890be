//! Memory tokens: which object, which of its registrations, and for which side.
//!
//! NDKPI calls a token an opaque array of bytes, so its 32 bits are the provider's: bit 31 is set in a token for the
//! remote side, bits 30 to 16 are the key of the registration, bits 15 to 0 the object's place. A key is never 0, so
//! no token is 0.

/// Greatest number of objects that have tokens: protection domains, memory regions and windows of one adapter.
pub const MAX_OBJECTS: u32 = 1 << 16;

/// The number of a registration in one place, 1 to 32767; comes around after 32767 registrations there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(u16);

impl Key {
    /// No key.
    pub const NONE: Key = Key(0);

    /// The key before the first in a place. It is another one in the next place, so that a token with a wrong digit is
    /// hardly ever another valid one.
    #[must_use]
    pub const fn before_first(place: u32) -> Key {
        Key((place.wrapping_add(1).wrapping_mul(0x9e37_79b9) >> 17) as u16) // CAST: 15 bits are left.
    }

    /// The key of the next registration.
    #[must_use]
    pub const fn next(self) -> Key {
        if self.0 == 0x7fff { Key(1) } else { Key(self.0 + 1) }
    }
}

/// Who may use a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// In the `NDK_SGE` of a request.
    Local,
    /// As the remote token of a read or write, or to be invalidated by a send.
    Remote,
}

/// A token taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// Who may use it.
    pub side: Side,
    /// The registration it was given out for.
    pub key: Key,
    /// The object's place.
    pub place: u16,
}

impl Token {
    /// The token of the object in `place`, which is below [`MAX_OBJECTS`].
    #[must_use]
    pub const fn new(side: Side, key: Key, place: u32) -> Token {
        Token { side, key, place: place as u16 } // CAST: places are below MAX_OBJECTS.
    }

    /// As the consumer sees it.
    #[must_use]
    pub const fn to_bits(self) -> u32 {
        let side = match self.side {
            Side::Local => 0,
            Side::Remote => 1 << 31,
        };
        side | (self.key.0 as u32) << 16 | self.place as u32
    }

    /// What a consumer or its peer says is a token.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Token {
        Token {
            side: if bits >> 31 == 0 { Side::Local } else { Side::Remote },
            key: Key((bits >> 16) as u16 & 0x7fff), // CAST: masked.
            place: bits as u16,                     // CAST: the low half is the place.
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_what_it_was_made_of_and_never_zero() {
        for side in [Side::Local, Side::Remote] {
            let mut key = Key::NONE.next();
            for place in [0, 1, 0x1234, MAX_OBJECTS - 1] {
                let token = Token::new(side, key, place);
                assert_ne!(token.to_bits(), 0);
                assert_eq!(Token::from_bits(token.to_bits()), token);
                key = key.next();
            }
        }
    }

    #[test]
    fn keys_come_around_without_zero() {
        let mut key = Key::NONE;
        for _ in 0..0x7fff {
            key = key.next();
            assert_ne!(key, Key::NONE);
        }
        assert_eq!(key.next(), Key::NONE.next());
    }
}
