/** Return values of PKCS#11, classified by number: names are missing for some and differ between bindings. */

/** What a failed call means, and so what to do (PKCS#11 2.40 §5.1). */
export type CkrClass =
  /** What the caller gave is wrong. */
  | 'caller'
  /** On decrypt the caller's mistake or a lost token: ask the token which. */
  | 'ambiguous'
  /** The session is gone or confused: open another, once. */
  | 'session'
  /** The handle names nothing: find the object again, once. */
  | 'handle'
  | 'busy'
  /** The token or the module is gone: initialise again. */
  | 'lost'
  /** A PIN was refused: never try it again. */
  | 'pin'
  /** The token can't do that, or refuses the template. */
  | 'unsupported'
  | 'other';

const classes: Readonly<Record<Exclude<CkrClass, 'other'>, readonly number[]>> = {
  // DATA_INVALID, DATA_LEN_RANGE, ENCRYPTED_DATA_INVALID, ENCRYPTED_DATA_LEN_RANGE, AEAD_DECRYPT_FAILED,
  // WRAPPED_KEY_INVALID, WRAPPED_KEY_LEN_RANGE, SIGNATURE_INVALID, SIGNATURE_LEN_RANGE
  caller: [0x20, 0x21, 0x40, 0x41, 0x42, 0x110, 0x112, 0xc0, 0xc1],
  // GENERAL_ERROR, FUNCTION_FAILED
  ambiguous: [0x5, 0x6],
  // OPERATION_ACTIVE, OPERATION_NOT_INITIALIZED, SESSION_CLOSED, SESSION_HANDLE_INVALID, USER_NOT_LOGGED_IN
  session: [0x90, 0x91, 0xb0, 0xb3, 0x101],
  // KEY_HANDLE_INVALID, OBJECT_HANDLE_INVALID
  handle: [0x60, 0x82],
  // HOST_MEMORY, DEVICE_MEMORY, SESSION_COUNT
  busy: [0x2, 0x31, 0xb1],
  // SLOT_ID_INVALID, DEVICE_ERROR, DEVICE_REMOVED, TOKEN_NOT_PRESENT, TOKEN_NOT_RECOGNIZED,
  // CRYPTOKI_NOT_INITIALIZED
  lost: [0x3, 0x30, 0x32, 0xe0, 0xe1, 0x190],
  // PIN_INCORRECT, PIN_INVALID, PIN_LEN_RANGE, PIN_EXPIRED, PIN_LOCKED, USER_PIN_NOT_INITIALIZED
  pin: [0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0x102],
  // ATTRIBUTE_READ_ONLY, ATTRIBUTE_TYPE_INVALID, ATTRIBUTE_VALUE_INVALID, FUNCTION_NOT_SUPPORTED,
  // KEY_SIZE_RANGE, KEY_TYPE_INCONSISTENT, KEY_FUNCTION_NOT_PERMITTED, MECHANISM_INVALID,
  // MECHANISM_PARAM_INVALID, TEMPLATE_INCOMPLETE, TEMPLATE_INCONSISTENT, DOMAIN_PARAMS_INVALID,
  // CURVE_NOT_SUPPORTED
  unsupported: [0x10, 0x12, 0x13, 0x54, 0x62, 0x63, 0x68, 0x70, 0x71, 0xd0, 0xd1, 0x130, 0x140],
};

const byNumber = new Map<number, CkrClass>();
for (const name of [
  'caller',
  'ambiguous',
  'session',
  'handle',
  'busy',
  'lost',
  'pin',
  'unsupported',
] as const) {
  for (const number of classes[name]) byNumber.set(number, name);
}

/** `CKR_ALREADY_INITIALIZED` of login: another of the module's sessions holds it, which is as good. */
export const userAlreadyLoggedIn = 0x100;

/** The number of a failed call; `undefined` where the error comes from elsewhere. */
export function ckrOf(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('code' in error && typeof error.code === 'number' && error.code !== 0) return error.code;
  // C_CreateObject, C_CopyObject and C_SetAttributeValue of pkcs11js put it into the message alone.
  const number = /CKR_\w+:(\d+)/.exec(error.message)?.[1];
  return number === undefined ? undefined : Number(number);
}

export function ckrClass(error: unknown): CkrClass {
  const number = ckrOf(error);
  return (number === undefined ? undefined : byNumber.get(number)) ?? 'other';
}

/** For the log: the function and the code, without a stack and without data. */
export function ckrText(error: unknown): string {
  const number = ckrOf(error);
  if (!(error instanceof Error)) return String(error);
  const method =
    'method' in error && typeof error.method === 'string' && error.method !== '' ? `${error.method} ` : '';
  return number === undefined
    ? error.message
    : `${method}${error.message.split('\n')[0]} (0x${number.toString(16)})`;
}
