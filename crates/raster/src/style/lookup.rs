//! Bytes by a table of all 256, a register full at a time.
//!
//! Two registers hold half a table, and processors with AVX-512 and its byte permutations (VBMI) look up 64 values in
//! them at once. Others do not: arithmetic serves them better ([`super::linear`]). Caller: [`super::bands`].

/// Replaces each value by what `table` has for it, and says whether it did: else this processor has no quick way.
#[cfg(target_arch = "x86_64")]
pub(super) fn replace(table: &[u8; 256], values: &mut [u8]) -> bool {
    let may = std::arch::is_x86_feature_detected!("avx512bw") && std::arch::is_x86_feature_detected!("avx512vbmi");
    if may {
        // SAFETY: this processor has both.
        #[allow(unsafe_code)]
        unsafe {
            replace_by_registers(table, values);
        }
    }
    may
}

/// Replaces nothing: there is no such way on this architecture.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn replace(_: &[u8; 256], _: &mut [u8]) -> bool {
    false
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512bw,avx512vbmi")]
fn replace_by_registers(table: &[u8; 256], values: &mut [u8]) {
    use std::arch::x86_64::{_mm512_mask_blend_epi8, _mm512_movepi8_mask, _mm512_permutex2var_epi8};
    let parts: [[u8; 64]; 4] = bytemuck::cast(*table);
    let [first, second, third, fourth] = parts.map(bytemuck::cast);
    let (chunks, rest) = values.as_chunks_mut::<64>();
    for chunk in chunks {
        let places = bytemuck::cast(*chunk);
        let lower = _mm512_permutex2var_epi8(first, places, second);
        let upper = _mm512_permutex2var_epi8(third, places, fourth);
        *chunk = bytemuck::cast(_mm512_mask_blend_epi8(_mm512_movepi8_mask(places), lower, upper));
    }
    rest.iter_mut().for_each(|value| *value = table[usize::from(*value)]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_value_becomes_its_entry(table in prop::collection::vec(any::<u8>(), 256), values in prop::collection::vec(any::<u8>(), 0..300)) {
            let table: [u8; 256] = table.try_into().unwrap();
            let mut replaced = values.clone();
            let did = super::replace(&table, &mut replaced);
            #[cfg(target_arch = "x86_64")]
            prop_assert_eq!(did, std::arch::is_x86_feature_detected!("avx512vbmi"));
            if did {
                let wanted: Vec<u8> = values.iter().map(|&value| table[usize::from(value)]).collect();
                prop_assert_eq!(replaced, wanted);
            } else {
                prop_assert_eq!(replaced, values);
            }
        }
    }
}
