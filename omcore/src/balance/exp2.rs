// SPDX-License-Identifier: GPL-2.0-only

//! Powers of two and logarithms in fixed point: the kernel has no floating point.

/// One in the exponents: they have 16 bits after the point.
pub const ONE: u32 = 1 << 16;

/// `2^(2^-k)` for k = 1 to 16, with 31 bits after the point.
const ROOTS: [u64; 16] = [
    3037000500, 2553802834, 2341847524, 2242560872, 2194507417, 2170868212, 2159144272, 2153306067,
    2150392887, 2148937775, 2148210589, 2147847087, 2147665360, 2147574502, 2147529075, 2147506361,
];

/// `2^x`: `x` with 16 bits after the point, the result with 32. From `x` = 32 on it is `u64::MAX`.
///
/// The result is a few 2^-31 too small relative to itself at most.
pub fn exp2(x: u32) -> u64 {
    let whole = x >> 16;
    if whole >= 32 {
        return u64::MAX;
    }
    let mut power: u64 = 1 << 31;
    let mut bit = ONE >> 1;
    for root in ROOTS {
        if x & bit != 0 {
            power = (power * root) >> 31;
        }
        bit >>= 1;
    }
    // Below 2^32 by now: 32 more bits fit.
    power << (whole + 1)
}

/// The logarithm of `n` to the base 2, with 16 bits after the point; 0 for 0 and 1.
pub fn log2(n: u32) -> u32 {
    let Some(whole) = n.checked_ilog2() else { return 0 };
    // n / 2^whole, from 1 to 2, with 31 bits after the point.
    let mut x = u64::from(n) << (31 - whole);
    let mut log = whole << 16;
    let mut bit = ONE >> 1;
    while bit != 0 {
        x = (x * x) >> 31;
        if x >> 32 != 0 {
            x >>= 1;
            log |= bit;
        }
        bit >>= 1;
    }
    log
}

#[cfg(test)]
mod tests {
    use super::{exp2, log2, ONE};

    #[test]
    fn powers_agree_with_floating_point() {
        for x in (0..32 * ONE).step_by(37) {
            let exact = (f64::from(x) / f64::from(ONE)).exp2();
            let ours = exp2(x) as f64 / (1u64 << 32) as f64;
            assert!((ours / exact - 1.0).abs() < 2e-8, "2^({x}/65536): {ours} for {exact}");
        }
        assert_eq!(exp2(0), 1 << 32);
        assert_eq!(exp2(10 * ONE), 1 << 42);
        assert_eq!(exp2(32 * ONE), u64::MAX);
        assert_eq!(exp2(u32::MAX), u64::MAX);
    }

    #[test]
    fn powers_grow() {
        for x in 0..3 * ONE {
            assert!(exp2(x) < exp2(x + 1), "{x}");
        }
    }

    #[test]
    fn logarithms_agree_with_floating_point() {
        for n in (1..5000).chain([65535, 65536, 1 << 31, u32::MAX]) {
            let exact = f64::from(n).log2();
            let ours = f64::from(log2(n)) / f64::from(ONE);
            assert!(ours <= exact && exact - ours < 1.1 / f64::from(ONE), "log2 {n}: {ours} for {exact}");
        }
        assert_eq!(log2(0), 0);
        assert_eq!(log2(16), 4 * ONE);
    }
}
