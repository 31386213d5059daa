# SPDX-License-Identifier: Apache-2.0
"""Names of KMIP 1.0 to 1.4: tags, enumeration values and bit masks.

The tables follow the text of the specification, section 9.1.3.  A name is looked up
without regard to case, blanks and punctuation, because the XML form of the protocol
writes "Pre-Active" as PreActive, "X.509" as X_509 and "3DES" as DES3.
"""

import re

# A number starts a run of consecutive tags, of which all the names follow.
_TAG_TEXT = """
420001 Activation Date; Application Data; Application Namespace; Application Specific
       Information; Archive Date; Asynchronous Correlation Value; Asynchronous Indicator;
       Attribute
420009 Attribute Index; Attribute Name; Attribute Value; Authentication; Batch Count; Batch
       Error Continuation Option; Batch Item; Batch Order Option
420011 Block Cipher Mode; Cancellation Result; Certificate; Certificate Identifier; Certificate
       Issuer; Certificate Issuer Alternative Name; Certificate Issuer Distinguished Name;
       Certificate Request
420019 Certificate Request Type; Certificate Subject; Certificate Subject Alternative Name;
       Certificate Subject Distinguished Name; Certificate Type; Certificate Value; Common
       Template-Attribute; Compromise Date
420021 Compromise Occurrence Date; Contact Information; Credential; Credential Type; Credential
       Value; Criticality Indicator; CRT Coefficient; Cryptographic Algorithm
420029 Cryptographic Domain Parameters; Cryptographic Length; Cryptographic Parameters;
       Cryptographic Usage Mask; Custom Attribute; D; Deactivation Date; Derivation Data
420031 Derivation Method; Derivation Parameters; Destroy Date; Digest; Digest Value; Encryption
       Key Information; G; Hashing Algorithm
420039 Initial Date; Initialization Vector; Issuer; Iteration Count; IV/Counter/Nonce; J; Key;
       Key Block
420041 Key Compression Type; Key Format Type; Key Material; Key Part Identifier; Key Value; Key
       Wrapping Data; Key Wrapping Specification; Last Change Date
420049 Lease Time; Link; Link Type; Linked Object Identifier; MAC/Signature; MAC/Signature Key
       Information; Maximum Items; Maximum Response Size
420051 Message Extension; Modulus; Name; Name Type; Name Value; Object Group; Object Type;
       Offset
420059 Opaque Data Type; Opaque Data Value; Opaque Object; Operation; Operation Policy Name; P;
       Padding Method; Prime Exponent P
420061 Prime Exponent Q; Prime Field Size; Private Exponent; Private Key; Private Key
       Template-Attribute; Private Key Unique Identifier; Process Start Date; Protect Stop Date
420069 Protocol Version; Protocol Version Major; Protocol Version Minor; Public Exponent; Public
       Key; Public Key Template-Attribute; Public Key Unique Identifier; Put Function
420071 Q; Q String; Qlength; Query Function; Recommended Curve; Replaced Unique Identifier;
       Request Header; Request Message
420079 Request Payload; Response Header; Response Message; Response Payload; Result Message;
       Result Reason; Result Status; Revocation Message
420081 Revocation Reason; Revocation Reason Code; Key Role Type; Salt; Secret Data; Secret Data
       Type; Serial Number; Server Information
420089 Split Key; Split Key Method; Split Key Parts; Split Key Threshold; State; Storage Status
       Mask; Symmetric Key; Template
420091 Template-Attribute; Time Stamp; Unique Batch Item ID; Unique Identifier; Usage Limits;
       Usage Limits Count; Usage Limits Total; Usage Limits Unit
420099 Username; Validity Date; Validity Indicator; Vendor Extension; Vendor Identification;
       Wrapping Method; X; Y
4200A1 Password; Device Identifier; Encoding Option; Extension Information; Extension Name;
       Extension Tag; Extension Type; Fresh
4200A9 Machine Identifier; Media Identifier; Network Identifier; Object Group Member;
       Certificate Length; Digital Signature Algorithm; Certificate Serial Number; Device Serial
       Number
4200B1 Issuer Alternative Name; Issuer Distinguished Name; Subject Alternative Name; Subject
       Distinguished Name; X.509 Certificate Identifier; X.509 Certificate Issuer; X.509
       Certificate Subject; Key Value Location
4200B9 Key Value Location Value; Key Value Location Type; Key Value Present; Original Creation
       Date; PGP Key; PGP Key Version; Alternative Name; Alternative Name Value
4200C1 Alternative Name Type; Data; Signature Data; Data Length; Random IV; MAC Data;
       Attestation Type; Nonce
4200C9 Nonce ID; Nonce Value; Attestation Measurement; Attestation Assertion; IV Length; Tag
       Length; Fixed Field Length; Counter Length
4200D1 Initial Counter Value; Invocation Field Length; Attestation Capable Indicator; Offset
       Items; Located Items; Correlation Value; Init Indicator; Final Indicator
4200D9 RNG Parameters; RNG Algorithm; DRBG Algorithm; FIPS186 Variation; Prediction Resistance;
       Random Number Generator; Validation Information; Validation Authority Type
4200E1 Validation Authority Country; Validation Authority URI; Validation Version Major;
       Validation Version Minor; Validation Type; Validation Level; Validation Certificate
       Identifier; Validation Certificate URI
4200E9 Validation Vendor URI; Validation Profile; Profile Information; Profile Name; Server URI;
       Server Port; Streaming Capability; Asynchronous Capability
4200F1 Attestation Capability; Unwrap Mode; Destroy Action; Shredding Algorithm; RNG Mode;
       Client Registration Method; Capability Information; Key Wrap Type
4200F9 Batch Undo Capability; Batch Continue Capability; PKCS#12 Friendly Name; Description;
       Comment; Authenticated Encryption Additional Data; Authenticated Encryption Tag; Salt
       Length
420101 Mask Generator; Mask Generator Hashing Algorithm; P Source; Trailer Field; Client
       Correlation Value; Server Correlation Value; Digested Data; Certificate Subject CN
420109 Certificate Subject O; Certificate Subject OU; Certificate Subject Email; Certificate
       Subject C; Certificate Subject ST; Certificate Subject L; Certificate Subject UID;
       Certificate Subject Serial Number
420111 Certificate Subject Title; Certificate Subject DC; Certificate Subject DN Qualifier;
       Certificate Issuer CN; Certificate Issuer O; Certificate Issuer OU; Certificate Issuer
       Email; Certificate Issuer C
420119 Certificate Issuer ST; Certificate Issuer L; Certificate Issuer UID; Certificate Issuer
       Serial Number; Certificate Issuer Title; Certificate Issuer DC; Certificate Issuer DN
       Qualifier; Sensitive
420121 Always Sensitive; Extractable; Never Extractable; Replace Existing
"""

# A paragraph holds the name of an enumeration and its values; the number stands before the
# first value and wherever the count does not go on by one.  Profile Name is left out, as its
# many values only ever occur in answers that no rule looks into.
_ENUMERATION_TEXT = """
Credential Type:
    1=Username and Password; Device; Attestation
Key Compression Type:
    1=EC Public Key Type Uncompressed; EC Public Key Type X9.62 Compressed Prime; EC Public
    Key Type X9.62 Compressed Char2; EC Public Key Type X9.62 Hybrid
Key Format Type:
    1=Raw; Opaque; PKCS#1; PKCS#8; X.509; ECPrivateKey; Transparent Symmetric Key;
    Transparent DSA Private Key; Transparent DSA Public Key; Transparent RSA Private Key;
    Transparent RSA Public Key; Transparent DH Private Key; Transparent DH Public Key;
    Transparent ECDSA Private Key; Transparent ECDSA Public Key; Transparent ECDH Private
    Key; Transparent ECDH Public Key; Transparent ECMQV Private Key; Transparent ECMQV
    Public Key; Transparent EC Private Key; Transparent EC Public Key; PKCS#12
Wrapping Method:
    1=Encrypt; MAC/sign; Encrypt then MAC/sign; MAC/sign then encrypt; TR-31
Recommended Curve:
    1=P-192; K-163; B-163; P-224; K-233; B-233; P-256; K-283; B-283; P-384; K-409; B-409;
    P-521; K-571; B-571; SECP112R1; SECP112R2; SECP128R1; SECP128R2; SECP160K1; SECP160R1;
    SECP160R2; SECP192K1; SECP224K1; SECP256K1; SECT113R1; SECT113R2; SECT131R1; SECT131R2;
    SECT163R1; SECT193R1; SECT193R2; SECT239K1; ANSIX9P192V2; ANSIX9P192V3; ANSIX9P239V1;
    ANSIX9P239V2; ANSIX9P239V3; ANSIX9C2PNB163V1; ANSIX9C2PNB163V2; ANSIX9C2PNB163V3;
    ANSIX9C2PNB176V1; ANSIX9C2TNB191V1; ANSIX9C2TNB191V2; ANSIX9C2TNB191V3;
    ANSIX9C2PNB208W1; ANSIX9C2TNB239V1; ANSIX9C2TNB239V2; ANSIX9C2TNB239V3;
    ANSIX9C2PNB272W1; ANSIX9C2PNB304W1; ANSIX9C2TNB359V1; ANSIX9C2PNB368W1;
    ANSIX9C2TNB431R1; BRAINPOOLP160R1; BRAINPOOLP160T1; BRAINPOOLP192R1; BRAINPOOLP192T1;
    BRAINPOOLP224R1; BRAINPOOLP224T1; BRAINPOOLP256R1; BRAINPOOLP256T1; BRAINPOOLP320R1;
    BRAINPOOLP320T1; BRAINPOOLP384R1; BRAINPOOLP384T1; BRAINPOOLP512R1; BRAINPOOLP512T1
Certificate Type:
    1=X.509; PGP
Digital Signature Algorithm:
    1=MD2 with RSA Encryption (PKCS#1 v1.5); MD5 with RSA Encryption (PKCS#1 v1.5); SHA-1
    with RSA Encryption (PKCS#1 v1.5); SHA-224 with RSA Encryption (PKCS#1 v1.5); SHA-256
    with RSA Encryption (PKCS#1 v1.5); SHA-384 with RSA Encryption (PKCS#1 v1.5); SHA-512
    with RSA Encryption (PKCS#1 v1.5); RSASSA-PSS (PKCS#1 v2.1); DSA with SHA-1; DSA with
    SHA224; DSA with SHA256; ECDSA with SHA-1; ECDSA with SHA224; ECDSA with SHA256; ECDSA
    with SHA384; ECDSA with SHA512; SHA3-256 with RSA Encryption; SHA3-384 with RSA
    Encryption; SHA3-512 with RSA Encryption
Split Key Method:
    1=XOR; Polynomial Sharing GF (2^16); Polynomial Sharing Prime Field; Polynomial Sharing
    GF (2^8)
Secret Data Type:
    1=Password; Seed
Name Type:
    1=Uninterpreted Text String; URI
Object Type:
    1=Certificate; Symmetric Key; Public Key; Private Key; Split Key; Template; Secret Data;
    Opaque Object; PGP Key
Cryptographic Algorithm:
    1=DES; 3DES; AES; RSA; DSA; ECDSA; HMAC-SHA1; HMAC-SHA224; HMAC-SHA256; HMAC-SHA384;
    HMAC-SHA512; HMAC-MD5; DH; ECDH; ECMQV; Blowfish; Camellia; CAST5; IDEA; MARS; RC2; RC4;
    RC5; SKIPJACK; Twofish; EC; One Time Pad; ChaCha20; Poly1305; ChaCha20Poly1305;
    SHA3-224; SHA3-256; SHA3-384; SHA3-512; HMAC-SHA3-224; HMAC-SHA3-256; HMAC-SHA3-384;
    HMAC-SHA3-512; SHAKE-128; SHAKE-256
Block Cipher Mode:
    1=CBC; ECB; PCBC; CFB; OFB; CTR; CMAC; CCM; GCM; CBC-MAC; XTS; AESKeyWrapPadding;
    NISTKeyWrap; X9.102 AESKW; X9.102 TDKW; X9.102 AKW1; X9.102 AKW2; AEAD
Padding Method:
    1=None; OAEP; PKCS5; SSL3; Zeros; ANSI X9.23; ISO 10126; PKCS1 v1.5; X9.31; PSS
Hashing Algorithm:
    1=MD2; MD4; MD5; SHA-1; SHA-224; SHA-256; SHA-384; SHA-512; RIPEMD-160; Tiger;
    Whirlpool; SHA-512/224; SHA-512/256; SHA-3-224; SHA-3-256; SHA-3-384; SHA-3-512
Key Role Type:
    1=BDK; CVK; DEK; MKAC; MKSMC; MKSMI; MKDAC; MKDN; MKCP; MKOTH; KEK; MAC16609; MAC97971;
    MAC97972; MAC97973; MAC97974; MAC97975; ZPK; PVKIBM; PVKPVV; PVKOTH; DUKPT; IV; TRKBK
State:
    1=Pre-Active; Active; Deactivated; Compromised; Destroyed; Destroyed Compromised
Revocation Reason Code:
    1=Unspecified; Key Compromise; CA Compromise; Affiliation Changed; Superseded; Cessation
    of Operation; Privilege Withdrawn
Link Type:
    101=Certificate Link; Public Key Link; Private Key Link; Derivation Base Object Link;
    Derived Key Link; Replacement Object Link; Replaced Object Link; Parent Link; Child
    Link; Previous Link; Next Link; PKCS#12 Certificate Link; PKCS#12 Password Link
Derivation Method:
    1=PBKDF2; HASH; HMAC; ENCRYPT; NIST800-108-C; NIST800-108-F; NIST800-108-DPI; Asymmetric
    Key
Certificate Request Type:
    1=CRMF; PKCS#10; PEM; PGP
Validity Indicator:
    1=Valid; Invalid; Unknown
Query Function:
    1=Query Operations; Query Objects; Query Server Information; Query Application
    Namespaces; Query Extension List; Query Extension Map; Query Attestation Types; Query
    RNGs; Query Validations; Query Profiles; Query Capabilities; Query Client Registration
    Methods
Cancellation Result:
    1=Canceled; Unable to Cancel; Completed; Failed; Unavailable
Put Function:
    1=New; Replace
Operation:
    1=Create; Create Key Pair; Register; Re-key; Derive Key; Certify; Re-certify; Locate;
    Check; Get; Get Attributes; Get Attribute List; Add Attribute; Modify Attribute; Delete
    Attribute; Obtain Lease; Get Usage Allocation; Activate; Revoke; Destroy; Archive;
    Recover; Validate; Query; Cancel; Poll; Notify; Put; Re-key Key Pair; Discover Versions;
    Encrypt; Decrypt; Sign; Signature Verify; MAC; MAC Verify; RNG Retrieve; RNG Seed; Hash;
    Create Split Key; Join Split Key; Import; Export
Result Status:
    0=Success; Operation Failed; Operation Pending; Operation Undone
Result Reason:
    1=Item Not Found; Response Too Large; Authentication Not Successful; Invalid Message;
    Operation Not Supported; Missing Data; Invalid Field; Feature Not Supported; Operation
    Canceled By Requester; Cryptographic Failure; Illegal Operation; Permission Denied;
    Object archived; Index Out of Bounds; Application Namespace Not Supported; Key Format
    Type Not Supported; Key Compression Type Not Supported; Encoding Option Error; Key Value
    Not Present; Attestation Required; Attestation Failed; Sensitive; Not Extractable;
    Object Already Exists; 100=General Failure
Batch Error Continuation Option:
    1=Continue; Stop; Undo
Usage Limits Unit:
    1=Byte; Object
Encoding Option:
    1=No Encoding; TTLV Encoding
Object Group Member:
    1=Group Member Fresh; Group Member Default
Alternative Name Type:
    1=Uninterpreted Text String; URI; Object Serial Number; Email Address; DNS Name; X.500
    Distinguished Name; IP Address
Key Value Location Type:
    1=Uninterpreted Text String; URI
Attestation Type:
    1=TPM Quote; TCG Integrity Report; SAML Assertion
RNG Algorithm:
    1=Unspecified; FIPS 186-2; DRBG; NRBG; ANSI X9.31; ANSI X9.62
DRBG Algorithm:
    1=Unspecified; Dual-EC; Hash; HMAC; CTR
FIPS186 Variation:
    1=Unspecified; GP x-Original; GP x-Change Notice; x-Original; x-Change Notice;
    k-Original; k-Change Notice
Validation Authority Type:
    1=Unspecified; NIST CMVP; Common Criteria
Validation Type:
    1=Unspecified; Hardware; Software; Firmware; Hybrid
Unwrap Mode:
    1=Unspecified; Processed; Not Processed
Destroy Action:
    1=Unspecified; Key Material Deleted; Key Material Shredded; Meta Data Deleted; Meta Data
    Shredded; Deleted; Shredded
Shredding Algorithm:
    1=Unspecified; Cryptographic; Unsupported
RNG Mode:
    1=Unspecified; Shared Instantiation; Non-Shared Instantiation
Client Registration Method:
    1=Unspecified; Server Pre-Generated; Server On-Demand; Client Generated; Client
    Registered
Key Wrap Type:
    1=Not Wrapped; As Registered
Mask Generator:
    1=MGF1
"""

_MASK_TEXT = """
Cryptographic Usage Mask:
    Sign; Verify; Encrypt; Decrypt; Wrap Key; Unwrap Key; Export; MAC Generate; MAC Verify;
    Derive Key; Content Commitment (Non Repudiation); Key Agreement; Certificate Sign; CRL
    Sign; Generate Cryptogram; Validate Cryptogram; Translate Encrypt; Translate Decrypt;
    Translate Wrap; Translate Unwrap
Storage Status Mask:
    On-line storage; Archival storage
"""

def _folded(name):
    """Return the name as the tables are searched: small letters and digits, digits last.

    A leading digit is not allowed in the XML form, which therefore writes DES3 for 3DES.
    """
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    digits = re.match(r"[0-9]*", plain).group()
    return plain[len(digits):] + digits


def _entries(text):
    """Yield the (number, name) pairs of one list of the tables."""
    number = None
    for entry in " ".join(text.split()).split("; "):
        first, equals, name = entry.partition("=")
        number = int(first, 16) if equals else number + 1
        yield number, name if equals else entry


def _tags():
    """Return the tag names by number."""
    tags = {}
    for line in re.split(r"\n(?=42)", _TAG_TEXT.strip()):
        first, rest = line.split(" ", 1)
        tags.update(_entries(first + "=" + rest))
    return tags


def _paragraphs(text):
    """Return the lists of the enumeration or mask text by the name above each."""
    parts = re.split(r"^(\S.*):$", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2]))


def _bits(text):
    """Return the bit values of a mask by name: every name is one bit further."""
    return {name: 1 << bit for bit, name in enumerate(" ".join(text.split()).split("; "))}


TAGS = _tags()
ENUMERATIONS = {name: dict(_entries(text))
                for name, text in _paragraphs(_ENUMERATION_TEXT).items()}
MASKS = {name: _bits(text) for name, text in _paragraphs(_MASK_TEXT).items()}

# A field whose values come from the enumeration of another name.
ENUMERATIONS["Mask Generator Hashing Algorithm"] = ENUMERATIONS["Hashing Algorithm"]

_TAG_NUMBERS = {_folded(name): number for number, name in TAGS.items()}


def _searchable(table):
    """Return a table by folded name, also without a remark in brackets at the end."""
    found = {}
    for number, name in table:
        found.setdefault(_folded(re.sub(r"\(.*\)$", "", name)), number)
        found[_folded(name)] = number
    return found


_VALUES = {field: _searchable(table.items()) for field, table in ENUMERATIONS.items()}
_BITS = {field: _searchable((bit, name) for name, bit in table.items())
         for field, table in MASKS.items()}


def tag_number(name):
    """Return the number of a tag name, KeyError if there is none."""
    return _TAG_NUMBERS[_folded(name)]


def tag_name(number):
    """Return the name of a tag, or its number in hexadecimal when it is not known."""
    return TAGS.get(number, "0x%06X" % number)


def is_tag(name):
    """Tell whether the name is that of a tag; custom attributes are not."""
    return _folded(name) in _TAG_NUMBERS


def enumeration_value(field, name):
    """Return the value of an enumeration name, or of a number written as 0x........ ."""
    if name.lower().startswith("0x"):
        return int(name, 16)
    if name.isdigit():
        return int(name)
    return _VALUES[field][_folded(name)]


def enumeration_name(field, value):
    """Return the name of an enumeration value, or its number when it is not known."""
    return ENUMERATIONS.get(field, {}).get(value, "0x%08X" % value)


def is_mask(field):
    """Tell whether the field is an Integer made of named bits."""
    return field in MASKS


def mask_value(field, text):
    """Return the Integer of a mask written as names or numbers with blanks between."""
    value = 0
    for word in text.split():
        value |= int(word, 0) if word[0].isdigit() else _BITS[field][_folded(word)]
    return value


def mask_name(field, value):
    """Return the names of the bits of a mask, for messages to people."""
    names = [name for name, bit in MASKS[field].items() if value & bit]
    return " ".join(names) or str(value)
