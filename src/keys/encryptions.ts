/**
 * How often a key material may encrypt. Under AES-GCM with random 96-bit IVs no more than 2^32 times in all (NIST SP
 * 800-38D §8.3), whichever of our processes do it.
 */
export const encryptionLimit = 2 ** 32;
/** Where a key rotates by itself: half of it is left for the time until it has. */
export const wornAtEncryptions = 2 ** 31;
