/** Initialises opencryptoki's soft token: a process of its own, inside the namespace. Arguments: module, label, PIN. */
import pkcs11 from 'pkcs11js';

const [module = '', label = '', pin = ''] = process.argv.slice(2);
/** What every soft token is delivered with. */
const soPin = '87654321';
const lib = new pkcs11.PKCS11();
lib.load(module);
lib.C_Initialize({ flags: pkcs11.CKF_OS_LOCKING_OK });
const [slot] = lib.C_GetSlotList(true);
if (slot === undefined) throw new Error('opencryptoki has no soft token');
lib.C_InitToken(slot, soPin, label.padEnd(32));
const session = lib.C_OpenSession(slot, pkcs11.CKF_RW_SESSION | pkcs11.CKF_SERIAL_SESSION);
lib.C_Login(session, pkcs11.CKU_SO, soPin);
// Each PIN must be changed once before it is good for anything.
lib.C_SetPIN(session, soPin, '76543210');
lib.C_InitPIN(session, `${pin}0`);
lib.C_Logout(session);
lib.C_Login(session, pkcs11.CKU_USER, `${pin}0`);
lib.C_SetPIN(session, `${pin}0`, pin);
lib.C_Finalize();
