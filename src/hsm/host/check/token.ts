/** What a token and its library say of themselves. */
import type graphene from 'graphene-pk11';
import pkcs11 from 'pkcs11js';
import type { LibraryFacts, TokenFacts } from '../../check/report.ts';
import { canaryLabel, findKeys } from '../object.ts';
import type { Token } from '../token.ts';

const flags: readonly (readonly [number, string])[] = [
  [pkcs11.CKF_RNG, 'RNG'],
  [pkcs11.CKF_WRITE_PROTECTED, 'WRITE_PROTECTED'],
  [pkcs11.CKF_LOGIN_REQUIRED, 'LOGIN_REQUIRED'],
  [pkcs11.CKF_USER_PIN_INITIALIZED, 'USER_PIN_INITIALIZED'],
  [pkcs11.CKF_RESTORE_KEY_NOT_NEEDED, 'RESTORE_KEY_NOT_NEEDED'],
  [pkcs11.CKF_CLOCK_ON_TOKEN, 'CLOCK_ON_TOKEN'],
  [pkcs11.CKF_PROTECTED_AUTHENTICATION_PATH, 'PROTECTED_AUTHENTICATION_PATH'],
  [pkcs11.CKF_DUAL_CRYPTO_OPERATIONS, 'DUAL_CRYPTO_OPERATIONS'],
  [pkcs11.CKF_TOKEN_INITIALIZED, 'TOKEN_INITIALIZED'],
  [pkcs11.CKF_USER_PIN_COUNT_LOW, 'USER_PIN_COUNT_LOW'],
  [pkcs11.CKF_USER_PIN_FINAL_TRY, 'USER_PIN_FINAL_TRY'],
  [pkcs11.CKF_USER_PIN_LOCKED, 'USER_PIN_LOCKED'],
  [pkcs11.CKF_USER_PIN_TO_BE_CHANGED, 'USER_PIN_TO_BE_CHANGED'],
  [pkcs11.CKF_ERROR_STATE, 'ERROR_STATE'],
];

/** (PKCS#11 2.40 §3.2, CK_UNAVAILABLE_INFORMATION and CK_EFFECTIVELY_INFINITE) */
const told = (count: number) => count > 0 && count < 0xffff_fff0;

export function describeToken({ info, grapheneSession }: Token): TokenFacts {
  return {
    label: info.label.trim(),
    serial: info.serialNumber.trim(),
    manufacturer: info.manufacturerID.trim(),
    model: info.model.trim(),
    hardwareVersion: version(info.hardwareVersion),
    firmwareVersion: version(info.firmwareVersion),
    flags: flags.filter(([bit]) => (info.flags & bit) !== 0).map(([, name]) => name),
    ...(told(info.maxSessionCount) && { maximalSessions: info.maxSessionCount }),
    pinLength: { smallest: info.minPinLen, largest: info.maxPinLen },
    inUse: findKeys(grapheneSession, { label: canaryLabel }).length > 0,
  };
}

export function describeLibrary({ lib }: Token, file: string): LibraryFacts {
  const { manufacturerID, libraryDescription, libraryVersion, cryptokiVersion } = lib.C_GetInfo();
  return {
    file,
    manufacturer: manufacturerID.trim(),
    description: libraryDescription.trim(),
    version: version(libraryVersion),
    cryptokiVersion: version(cryptokiVersion),
  };
}

function version({ major, minor }: pkcs11.Version): string {
  return `${major}.${minor}`;
}

/** What says that the PIN had better not be tried now; `undefined` where nothing does. */
export function pinProblem({ flags, label }: graphene.Token): string | undefined {
  const said = (bit: number) => (flags & bit) !== 0;
  const name = `the token \`${label.trim()}\``;
  if (said(pkcs11.CKF_USER_PIN_LOCKED)) return `${name} has locked its PIN: unlock it by the vendor's means`;
  if (said(pkcs11.CKF_USER_PIN_FINAL_TRY)) {
    return `${name} locks its PIN at the next wrong one: log in by the vendor's means once, which shows that the PIN is right`;
  }
  return undefined;
}
