/** Initialises a token in the first free slot. Reads module, label and PINs from stdin: they stand in no argument list. */
import { readFileSync } from 'node:fs';
import pkcs11 from 'pkcs11js';

interface Order {
  readonly module: string;
  readonly label: string;
  readonly pin: string;
  readonly soPin: string;
}

const { module, label, pin, soPin }: Order = JSON.parse(readFileSync(0, 'utf8'));
const tokenInitialized = 0x400;
const lib = new pkcs11.PKCS11();
lib.load(module);
lib.C_Initialize({ flags: pkcs11.CKF_OS_LOCKING_OK });

function slots(): Buffer[] {
  return lib.C_GetSlotList(true);
}

const free = slots().find((slot) => (lib.C_GetTokenInfo(slot).flags & tokenInitialized) === 0);
if (free === undefined) throw new Error('SoftHSM has no free slot');
// CK_UTF8CHAR[32], padded with blanks: pkcs11js passes it as it is.
lib.C_InitToken(free, soPin, label.padEnd(32));
// SoftHSM gives an initialised token a slot of its own.
const slot = slots().find((slot) => lib.C_GetTokenInfo(slot).label.trim() === label);
if (slot === undefined) throw new Error('SoftHSM has no such token after initialising it');
const session = lib.C_OpenSession(slot, pkcs11.CKF_RW_SESSION | pkcs11.CKF_SERIAL_SESSION);
lib.C_Login(session, pkcs11.CKU_SO, soPin);
lib.C_InitPIN(session, pin);
lib.C_Logout(session);
lib.C_Finalize();
