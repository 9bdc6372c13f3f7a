//! Resource quantities of Kubernetes (`100m`, `512Mi`, `1.5`, `1e3`), compared exactly.

/// An amount in billionths, the smallest that Kubernetes keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity(i128);

const NANO: i128 = 1_000_000_000;

impl Quantity {
    /// Reads a quantity that could be asked for: not negative, and small enough to be one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let unsigned = text.strip_prefix('+').unwrap_or(text);
        let end = unsigned
            .find(|character: char| !character.is_ascii_digit() && character != '.')
            .unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(end);
        let (numerator, denominator) = multiplier(suffix)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return None;
        }
        let mut digits: i128 = 0;
        let mut scale: i128 = 1;
        for digit in whole.bytes() {
            digits = append_digit(digits, digit)?;
        }
        for digit in fraction.bytes() {
            digits = append_digit(digits, digit)?;
            scale = scale.checked_mul(10)?;
        }
        digits
            .checked_mul(numerator)?
            .checked_div(denominator.checked_mul(scale)?)
            .map(Self)
    }

    /// Both amounts together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The amount in few digits, as far as 64 bits hold it.
    #[must_use]
    pub fn text(self) -> String {
        const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
        let in_units = |unit: i128| {
            let units = self.0.checked_div(unit)?;
            let is_whole = units.checked_mul(unit)? == self.0;
            is_whole.then(|| u64::try_from(units).unwrap_or(u64::MAX))
        };
        if let Some(mut number) = in_units(NANO) {
            let mut suffixes = BINARY.iter();
            let mut suffix = suffixes.next();
            while number > 0 && number.trailing_zeros() >= 10 {
                number >>= 10;
                suffix = suffixes.next();
            }
            return format!("{number}{}", suffix.unwrap_or(&""));
        }
        match in_units(1_000_000) {
            Some(number) => format!("{number}m"),
            None => format!("{}n", in_units(1).unwrap_or_default()),
        }
    }

    /// The same bytes for the same amount, however it is written.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

fn append_digit(number: i128, digit: u8) -> Option<i128> {
    number
        .checked_mul(10)?
        .checked_add(i128::from(digit.checked_sub(b'0')?))
}

/// What a number with this suffix is multiplied with to be billionths, as a fraction.
fn multiplier(suffix: &str) -> Option<(i128, i128)> {
    let power = |base: i128, exponent: u32| NANO.checked_mul(base.checked_pow(exponent)?);
    let times = |value: Option<i128>| value.map(|value| (value, 1));
    match suffix {
        "n" => Some((1, 1)),
        "u" => Some((1_000, 1)),
        "m" => Some((1_000_000, 1)),
        "" => Some((NANO, 1)),
        "k" => times(power(1_000, 1)),
        "M" => times(power(1_000, 2)),
        "G" => times(power(1_000, 3)),
        "T" => times(power(1_000, 4)),
        "P" => times(power(1_000, 5)),
        "E" => times(power(1_000, 6)),
        "Ki" => times(power(1_024, 1)),
        "Mi" => times(power(1_024, 2)),
        "Gi" => times(power(1_024, 3)),
        "Ti" => times(power(1_024, 4)),
        "Pi" => times(power(1_024, 5)),
        "Ei" => times(power(1_024, 6)),
        _ => {
            let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            let factor = 10_i128.checked_pow(exponent.unsigned_abs())?;
            if exponent < 0 {
                Some((NANO, factor))
            } else {
                Some((NANO.checked_mul(factor)?, 1))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test(unsupported = test)]
    fn compares_across_suffixes() {
        for (smaller, larger) in [
            ("100m", "0.2"),
            ("250M", "256Mi"),
            ("1Gi", "1.5Gi"),
            ("1e3", "1001"),
            ("1500m", "2"),
            ("5n", "1u"),
            ("999", "1k"),
            ("1E", "1Ei"),
        ] {
            assert!(
                Quantity::parse(smaller) < Quantity::parse(larger),
                "{smaller} {larger}"
            );
        }
        for (one, other) in [
            ("100m", "0.1"),
            ("1e3", "1k"),
            ("+1", "1"),
            ("1024Ki", "1Mi"),
            ("5E-1", "500m"),
            (".5", "0.5"),
            ("1.", "1"),
        ] {
            let quantity = Quantity::parse(one);
            assert!(quantity.is_some(), "{one}");
            assert_eq!(quantity, Quantity::parse(other));
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn is_written_in_few_digits() {
        for (amount, expected) in [
            ("0", "0"),
            ("0.1", "100m"),
            ("1.5", "1500m"),
            ("2000m", "2"),
            ("0.0005", "500000n"),
            ("1024Mi", "1Gi"),
            ("1.5Gi", "1536Mi"),
            ("500M", "500000000"),
            ("1e3", "1000"),
            ("8Ei", "8Ei"),
        ] {
            let quantity = Quantity::parse(amount).unwrap();
            assert_eq!(quantity.text(), expected);
            assert_eq!(Quantity::parse(expected), Some(quantity));
        }
        let most = Quantity::parse("32Ei").unwrap().text();
        assert_eq!(most, u64::MAX.to_string());
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn refuses_what_is_none() {
        for text in [
            "", ".", "m", "1 Gi", "1gi", "1.2.3", "-1", "1e", "1e400", "0x10", "1MiB",
        ] {
            assert_eq!(Quantity::parse(text), None, "{text}");
        }
    }
}
