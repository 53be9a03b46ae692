/** Where tokens depart from PKCS#11 2.40: one entry a token. */
export interface Quirk {
  /** Matches the manufacturer that the token's info names. */
  readonly manufacturer: RegExp;
  /** Attributes the token refuses in a template: what they would forbid is not forbidden there. */
  readonly refuses: readonly ('copyable' | 'allowedMechanisms')[];
  /** Attributes the token takes or sets, but tells wrongly when asked. */
  readonly misreports: readonly 'local'[];
}

const quirks: readonly Quirk[] = [
  // NSS generates a session object and copies it into its database, which clears CKA_LOCAL.
  {
    manufacturer: /^Mozilla Foundation/,
    refuses: ['copyable', 'allowedMechanisms'],
    misreports: ['local'],
  },
];

const none: Quirk = { manufacturer: /^/, refuses: [], misreports: [] };

/** @param manufacturer manufacturerID of C_GetTokenInfo */
export function quirkOf(manufacturer: string): Quirk {
  return quirks.find((quirk) => quirk.manufacturer.test(manufacturer)) ?? none;
}
