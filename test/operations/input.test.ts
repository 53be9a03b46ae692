import { expect } from 'chai';
import fc from 'fast-check';
import { KmsError } from '../../src/errors.ts';
import { operations } from '../../src/operations/table.ts';

function refused(operation: string, input: Record<string, unknown>): KmsError {
  try {
    operations.get(operation)?.prepare(input);
  } catch (error) {
    if (error instanceof KmsError) return error;
    throw error;
  }
  throw new Error('the input was accepted');
}

const encrypt = { KeyId: 'alias/a', Plaintext: 'AAAA' };

describe('input validation, in the words of AWS', () => {
  const cases: [string, string, Record<string, unknown>, string, string][] = [
    [
      'members that are missing',
      'Encrypt',
      {},
      'ValidationException',
      "2 validation errors detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null; Value null at 'plaintext' failed to satisfy constraint: Member must not be null",
    ],
    [
      'a null, which is the same as missing',
      'DescribeKey',
      { KeyId: null },
      'ValidationException',
      "1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null",
    ],
    [
      'a number for a string',
      'Encrypt',
      { ...encrypt, KeyId: 5 },
      'SerializationException',
      'NUMBER_VALUE can not be converted to a String',
    ],
    [
      'a number for a blob',
      'Encrypt',
      { ...encrypt, Plaintext: 5 },
      'SerializationException',
      'NUMBER_VALUE can not be converted to a String',
    ],
    [
      'a string for a number',
      'ListKeys',
      { Limit: '5' },
      'SerializationException',
      'STRING_VALUE can not be converted to an Integer',
    ],
    [
      'a fraction for an integer',
      'ListKeys',
      { Limit: 1.5 },
      'SerializationException',
      'DECIMAL_VALUE can not be converted to an Integer',
    ],
    [
      'a structure for a string',
      'DescribeKey',
      { KeyId: {} },
      'SerializationException',
      'Start of structure or map found where not expected.',
    ],
    [
      'a list for a map',
      'Encrypt',
      { ...encrypt, EncryptionContext: [] },
      'SerializationException',
      'Start of list found where not expected',
    ],
    [
      'bad base64',
      'Encrypt',
      { ...encrypt, Plaintext: 'A' },
      'SerializationException',
      "Invalid base64 in member 'Plaintext'",
    ],
    [
      'base64 of the URL alphabet',
      'Encrypt',
      { ...encrypt, Plaintext: '__-_' },
      'SerializationException',
      "Invalid base64 in member 'Plaintext'",
    ],
    [
      'an empty plaintext',
      'Encrypt',
      { ...encrypt, Plaintext: '' },
      'ValidationException',
      "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length greater than or equal to 1",
    ],
    [
      'a plaintext of 4,097 bytes, which is not shown',
      'Encrypt',
      { ...encrypt, Plaintext: Buffer.alloc(4097).toString('base64') },
      'ValidationException',
      "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096",
    ],
    [
      'a number above its range',
      'ListKeys',
      { Limit: 1001 },
      'ValidationException',
      "1 validation error detected: Value '1001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 1000",
    ],
    [
      'a value that is none of the set',
      'GenerateDataKey',
      { KeyId: 'a', KeySpec: 'DES' },
      'ValidationException',
      "1 validation error detected: Value 'DES' at 'keySpec' failed to satisfy constraint: Member must satisfy enum value set: [AES_256, AES_128]",
    ],
    [
      'a value that does not match its pattern',
      'CreateAlias',
      { AliasName: 'alias/é', TargetKeyId: 'a' },
      'ValidationException',
      "1 validation error detected: Value 'alias/é' at 'aliasName' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$",
    ],
    [
      'a member of a list member',
      'TagResource',
      {
        KeyId: 'a',
        Tags: [
          { TagKey: 'a', TagValue: 'b' },
          { TagKey: '', TagValue: 'b' },
        ],
      },
      'ValidationException',
      "1 validation error detected: Value '' at 'tags.2.member.tagKey' failed to satisfy constraint: Member must have length greater than or equal to 1",
    ],
    [
      'a member that is not supported',
      'Decrypt',
      { CiphertextBlob: 'AAAA', Recipient: {} },
      'UnsupportedOperationException',
      'Decrypt does not support the member Recipient.',
    ],
  ];
  for (const [name, operation, input, code, message] of cases) {
    it(`refuses ${name}`, () => {
      expect(refused(operation, input)).to.include({ code, message });
    });
  }

  it('accepts the empty list of grant tokens, which some clients send', () => {
    expect(operations.get('Encrypt')?.prepare({ ...encrypt, GrantTokens: [] }).input).to.have.property(
      'KeyId',
      'alias/a',
    );
  });

  it('never lets anything but a KmsError out, whatever JSON it is given', () => {
    const names = [...operations.keys()];
    const members = [
      'KeyId',
      'Plaintext',
      'CiphertextBlob',
      'EncryptionContext',
      'Limit',
      'Tags',
      'TagKeys',
      'DryRun',
      'AliasName',
      'Marker',
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(...names),
        fc.dictionary(fc.constantFrom(...members), fc.jsonValue()),
        (name, input) => {
          try {
            operations.get(name)?.prepare({ ...input });
          } catch (error) {
            expect(error).to.be.instanceOf(KmsError);
          }
        },
      ),
    );
  });

  it('a refused plaintext is never in the message', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4097, maxLength: 4200 }), (bytes) => {
        const Plaintext = Buffer.from(bytes).toString('base64');
        expect(refused('Encrypt', { KeyId: 'a', Plaintext }).message).not.to.include(Plaintext.slice(0, 32));
      }),
      { numRuns: 20 },
    );
  });
});
