"""English names of countries and languages, and the codes they must have. Restated on purpose.

These are all the names the connectors knew when they kept tables of their own: events already sent
carry these codes. A line is a code and its names.
"""

COUNTRIES = """\
AD Andorra
AE United Arab Emirates|UAE
AF Afghanistan
AG Antigua and Barbuda|Antigua
AI Anguilla
AL Albania
AM Armenia
AO Angola
AQ Antarctica
AR Argentina
AS American Samoa
AT Austria
AU Australia
AW Aruba
AX Åland Islands|Åland|Aland
AZ Azerbaijan
BA Bosnia and Herzegovina|Bosnia
BB Barbados
BD Bangladesh
BE Belgium
BF Burkina Faso
BG Bulgaria
BH Bahrain
BI Burundi
BJ Benin
BL Saint Barthélemy|St Barthélemy|Saint Barth
BM Bermuda
BN Brunei|Brunei Darussalam
BO Bolivia|Bolivia, Plurinational State of|Plurinational State of Bolivia
BQ Bonaire, Sint Eustatius and Saba|Bonaire|Caribbean Netherlands
BQ Bonaire, Saint Eustatius and Saba
BR Brazil
BS Bahamas
BT Bhutan
BV Bouvet Island
BW Botswana
BY Belarus
BZ Belize
CA Canada
CC Cocos (Keeling) Islands|Cocos Islands|Keeling Islands
CD Congo, The Democratic Republic of the|Democratic Republic of the Congo|DR Congo|DRC
CD Congo, Democratic Republic of the|Congo - Kinshasa|Congo (Kinshasa)
CF Central African Republic
CG Congo|Republic of the Congo|Congo Republic|Congo - Brazzaville|Congo (Brazzaville)
CG Republic of Congo
CH Switzerland
CI Côte d'Ivoire|Ivory Coast
CK Cook Islands
CL Chile
CM Cameroon
CN China|People's Republic of China|Mainland China
CO Colombia
CR Costa Rica
CU Cuba
CV Cabo Verde|Cape Verde
CW Curaçao
CX Christmas Island
CY Cyprus
CZ Czechia|Czech Republic
DE Germany
DJ Djibouti
DK Denmark
DM Dominica
DO Dominican Republic
DZ Algeria
EC Ecuador
EE Estonia
EG Egypt
EH Western Sahara
ER Eritrea
ES Spain
ET Ethiopia
FI Finland
FJ Fiji
FK Falkland Islands (Malvinas)|Falkland Islands|Malvinas
FM Micronesia, Federated States of|Micronesia|Federated States of Micronesia
FO Faroe Islands|Faeroe Islands|Faroes
FR France|France, Metropolitan|Metropolitan France
GA Gabon
GB United Kingdom|UK|Great Britain|Britain|United Kingdom of Great Britain and Northern Ireland
GB England|Scotland|Wales|Northern Ireland
GD Grenada
GE Georgia
GF French Guiana
GG Guernsey
GH Ghana
GI Gibraltar
GL Greenland
GM Gambia
GN Guinea
GP Guadeloupe
GQ Equatorial Guinea
GR Greece
GS South Georgia and the South Sandwich Islands|South Georgia
GT Guatemala
GU Guam
GW Guinea-Bissau
GY Guyana
HK Hong Kong|Hong Kong SAR China|Hong Kong SAR
HM Heard Island and McDonald Islands|Heard and McDonald Islands
HN Honduras
HR Croatia
HT Haiti
HU Hungary
ID Indonesia
IE Ireland|Republic of Ireland
IL Israel
IM Isle of Man
IN India
IO British Indian Ocean Territory|Chagos Islands
IQ Iraq
IR Iran|Iran, Islamic Republic of|Islamic Republic of Iran
IS Iceland
IT Italy
JE Jersey
JM Jamaica
JO Jordan|Hashemite Kingdom of Jordan
JP Japan
KE Kenya
KG Kyrgyzstan|Kyrgyz Republic
KH Cambodia
KI Kiribati
KM Comoros
KN Saint Kitts and Nevis|St Kitts and Nevis|St Kitts & Nevis
KP North Korea|Korea, Democratic People's Republic of|Democratic People's Republic of Korea|DPRK
KR South Korea|Korea, Republic of|Republic of Korea|Korea
KW Kuwait
KY Cayman Islands
KZ Kazakhstan
LA Laos|Lao People's Democratic Republic|Lao PDR
LB Lebanon
LC Saint Lucia|St Lucia
LI Liechtenstein
LK Sri Lanka
LR Liberia
LS Lesotho
LT Lithuania|Republic of Lithuania
LU Luxembourg
LV Latvia
LY Libya|Libyan Arab Jamahiriya
MA Morocco
MC Monaco
MD Moldova|Moldova, Republic of|Republic of Moldova
ME Montenegro
MF Saint Martin (French part)|Saint Martin|St Martin
MG Madagascar
MH Marshall Islands
MK North Macedonia|Macedonia|Republic of North Macedonia|FYROM
MK Macedonia, the former Yugoslav Republic of
ML Mali
MM Myanmar|Burma|Myanmar (Burma)
MN Mongolia
MO Macao|Macau|Macao SAR China
MP Northern Mariana Islands
MQ Martinique
MR Mauritania
MS Montserrat
MT Malta
MU Mauritius
MV Maldives
MW Malawi
MX Mexico
MY Malaysia
MZ Mozambique
NA Namibia
NC New Caledonia
NE Niger
NF Norfolk Island
NG Nigeria
NI Nicaragua
NL Netherlands|Holland|Kingdom of the Netherlands|Netherlands, Kingdom of the
NO Norway
NP Nepal|Federal Democratic Republic of Nepal
NR Nauru
NU Niue
NZ New Zealand
OM Oman
PA Panama
PE Peru
PF French Polynesia|Tahiti
PG Papua New Guinea
PH Philippines
PK Pakistan
PL Poland
PM Saint Pierre and Miquelon|St Pierre and Miquelon
PN Pitcairn|Pitcairn Islands
PR Puerto Rico
PS Palestine, State of|Palestine|State of Palestine|Palestinian Territory
PS Palestinian Territories|Palestinian Territory, Occupied
PT Portugal
PW Palau
PY Paraguay
QA Qatar
RE Réunion
RO Romania
RS Serbia|Republic of Serbia
RU Russia|Russian Federation
RW Rwanda
SA Saudi Arabia
SB Solomon Islands
SC Seychelles
SD Sudan
SE Sweden
SG Singapore
SH Saint Helena, Ascension and Tristan da Cunha|Saint Helena|St Helena
SI Slovenia
SJ Svalbard and Jan Mayen|Svalbard
SK Slovakia|Slovak Republic
SL Sierra Leone
SM San Marino
SN Senegal
SO Somalia
SR Suriname
SS South Sudan
ST São Tomé and Príncipe|Sao Tome
SV El Salvador
SX Sint Maarten (Dutch part)|Sint Maarten|St Maarten
SY Syria|Syrian Arab Republic
SZ Eswatini|Swaziland
TC Turks and Caicos Islands|Turks and Caicos
TD Chad
TF French Southern Territories|French Southern and Antarctic Lands
TG Togo
TH Thailand
TJ Tajikistan
TK Tokelau
TL Timor-Leste|East Timor|Democratic Republic of Timor-Leste
TM Turkmenistan
TN Tunisia
TO Tonga
TR Türkiye|Turkey
TT Trinidad and Tobago|Trinidad
TV Tuvalu
TW Taiwan|Taiwan, Province of China
TZ Tanzania|Tanzania, United Republic of|United Republic of Tanzania
UA Ukraine
UG Uganda
UM United States Minor Outlying Islands|U.S. Minor Outlying Islands|U.S. Outlying Islands
US United States|United States of America|USA|U.S.
UY Uruguay
UZ Uzbekistan
VA Holy See (Vatican City State)|Vatican City|Holy See|Vatican|Vatican City State
VC Saint Vincent and the Grenadines|St Vincent and the Grenadines|Saint Vincent
VE Venezuela|Venezuela, Bolivarian Republic of|Bolivarian Republic of Venezuela
VG Virgin Islands, British|British Virgin Islands
VI Virgin Islands, U.S.|U.S. Virgin Islands|United States Virgin Islands|US Virgin Islands
VN Vietnam|Viet Nam
VU Vanuatu
WF Wallis and Futuna
WS Samoa|Western Samoa
YE Yemen
YT Mayotte
ZA South Africa
ZM Zambia
ZW Zimbabwe
"""

LANGUAGES = """\
af Afrikaans
am Amharic
ar Arabic
as Assamese
az Azerbaijani
be Belarusian
bg Bulgarian
bn Bengali
bn Bangla
bo Tibetan
br Breton
bs Bosnian
ca Catalan
co Corsican
cs Czech
cy Welsh
da Danish
de German
el Greek
en English
eo Esperanto
es Spanish
es Castilian
et Estonian
eu Basque
fa Persian
fa Farsi
fi Finnish
fo Faroese
fr French
fy Western Frisian
fy Frisian
ga Irish
gd Scottish Gaelic
gl Galician
gu Gujarati
ha Hausa
he Hebrew
hi Hindi
hr Croatian
ht Haitian Creole
hu Hungarian
hy Armenian
id Indonesian
ig Igbo
is Icelandic
it Italian
ja Japanese
jv Javanese
ka Georgian
kk Kazakh
kl Kalaallisut
km Khmer
kn Kannada
ko Korean
ku Kurdish
ky Kyrgyz
la Latin
lb Luxembourgish
lo Lao
lt Lithuanian
lv Latvian
mg Malagasy
mi Maori
mk Macedonian
ml Malayalam
mn Mongolian
mr Marathi
ms Malay
mt Maltese
my Burmese
nb Norwegian Bokmål
nb Norwegian Bokmal
ne Nepali
nl Dutch
nl Flemish
nn Norwegian Nynorsk
no Norwegian
oc Occitan
om Oromo
or Oriya
or Odia
pa Punjabi
pl Polish
ps Pashto
ps Pushto
pt Portuguese
qu Quechua
rm Romansh
ro Romanian
ro Moldovan
ru Russian
rw Kinyarwanda
sa Sanskrit
sd Sindhi
se Northern Sami
si Sinhala
si Sinhalese
sk Slovak
sl Slovenian
sm Samoan
sn Shona
so Somali
sq Albanian
sr Serbian
st Southern Sotho
su Sundanese
sv Swedish
sw Swahili
ta Tamil
te Telugu
tg Tajik
th Thai
ti Tigrinya
tk Turkmen
tl Tagalog
tn Tswana
to Tongan
tr Turkish
tt Tatar
ug Uyghur
uk Ukrainian
ur Urdu
uz Uzbek
vi Vietnamese
wo Wolof
xh Xhosa
yi Yiddish
yo Yoruba
zh Chinese
zh Mandarin
zu Zulu
"""
