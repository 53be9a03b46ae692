import type { HsmErrorKind } from '../../keys/hsm.ts';

/** Why a host can't serve a request: becomes the answer's code and message. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly kind: HsmErrorKind;
  /** @param message for the log of the API process: never holds a secret */
  constructor(kind: HsmErrorKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

/** Why a token can't be opened. */
export class OpenError extends Error {
  override readonly name = 'OpenError';
  /**
   * `refused`: trying again does harm (a PIN) or no good (a mechanism that isn't there): the tier ends.
   * `absent`: the token or its library isn't there now.
   */
  readonly type: 'refused' | 'absent';
  constructor(type: 'refused' | 'absent', message: string, options?: ErrorOptions) {
    super(message, options);
    this.type = type;
  }
}
