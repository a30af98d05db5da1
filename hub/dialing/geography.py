"""Geographic data: time zones of states, postcodes of states, area codes of states with calling rules of their own."""

# Without IANA's links (aliases); a state in several zones has all of them.
STATE_ZONES: dict[str, dict[str, tuple[str, ...]]] = {
    "US": {
        "AK": ("America/Anchorage", "America/Adak"),
        "AL": ("America/Chicago",),
        "AR": ("America/Chicago",),
        "AZ": ("America/Phoenix", "America/Denver"),
        "CA": ("America/Los_Angeles",),
        "CO": ("America/Denver",),
        "CT": ("America/New_York",),
        "DC": ("America/New_York",),
        "DE": ("America/New_York",),
        "FL": ("America/New_York", "America/Chicago"),
        "GA": ("America/New_York",),
        "HI": ("Pacific/Honolulu",),
        "IA": ("America/Chicago",),
        "ID": ("America/Boise", "America/Los_Angeles"),
        "IL": ("America/Chicago",),
        "IN": ("America/Indiana/Indianapolis", "America/Chicago"),
        "KS": ("America/Chicago", "America/Denver"),
        "KY": ("America/New_York", "America/Chicago"),
        "LA": ("America/Chicago",),
        "MA": ("America/New_York",),
        "MD": ("America/New_York",),
        "ME": ("America/New_York",),
        "MI": ("America/Detroit", "America/Menominee"),
        "MN": ("America/Chicago",),
        "MO": ("America/Chicago",),
        "MS": ("America/Chicago",),
        "MT": ("America/Denver",),
        "NC": ("America/New_York",),
        "ND": ("America/Chicago", "America/Denver"),
        "NE": ("America/Chicago", "America/Denver"),
        "NH": ("America/New_York",),
        "NJ": ("America/New_York",),
        "NM": ("America/Denver",),
        "NV": ("America/Los_Angeles", "America/Denver"),
        "NY": ("America/New_York",),
        "OH": ("America/New_York",),
        "OK": ("America/Chicago",),
        "OR": ("America/Los_Angeles", "America/Boise"),
        "PA": ("America/New_York",),
        "RI": ("America/New_York",),
        "SC": ("America/New_York",),
        "SD": ("America/Chicago", "America/Denver"),
        "TN": ("America/Chicago", "America/New_York"),
        "TX": ("America/Chicago", "America/Denver"),
        "UT": ("America/Denver",),
        "VA": ("America/New_York",),
        "VT": ("America/New_York",),
        "WA": ("America/Los_Angeles",),
        "WI": ("America/Chicago",),
        "WV": ("America/New_York",),
        "WY": ("America/Denver",),
    },
    "CA": {
        "AB": ("America/Edmonton",),
        "BC": ("America/Vancouver", "America/Edmonton", "America/Fort_Nelson"),
        "MB": ("America/Winnipeg",),
        "NB": ("America/Moncton",),
        "NL": ("America/St_Johns", "America/Goose_Bay"),
        "NS": ("America/Halifax",),
        "NT": ("America/Edmonton",),
        "NU": ("America/Iqaluit", "America/Rankin_Inlet", "America/Cambridge_Bay"),
        "ON": ("America/Toronto", "America/Winnipeg"),
        "PE": ("America/Halifax",),
        "QC": ("America/Toronto", "America/Halifax"),
        "SK": ("America/Regina", "America/Edmonton"),
        "YT": ("America/Whitehorse",),
    },
    "AU": {
        "ACT": ("Australia/Sydney",),
        "NSW": ("Australia/Sydney", "Australia/Broken_Hill"),
        "NT": ("Australia/Darwin",),
        "QLD": ("Australia/Brisbane",),
        "SA": ("Australia/Adelaide",),
        "TAS": ("Australia/Hobart",),
        "VIC": ("Australia/Melbourne",),
        "WA": ("Australia/Perth", "Australia/Eucla"),
    },
}

# The same states by their names, in capitals.
STATE_NAMES: dict[str, dict[str, str]] = {
    region: {name: code for code, _, name in (pair.partition("=") for pair in pairs.split(", "))}
    for region, pairs in {
        "US": "AK=ALASKA, AL=ALABAMA, AR=ARKANSAS, AZ=ARIZONA, CA=CALIFORNIA, CO=COLORADO, CT=CONNECTICUT,"
        " DC=DISTRICT OF COLUMBIA, DE=DELAWARE, FL=FLORIDA, GA=GEORGIA, HI=HAWAII, IA=IOWA, ID=IDAHO, IL=ILLINOIS,"
        " IN=INDIANA, KS=KANSAS, KY=KENTUCKY, LA=LOUISIANA, MA=MASSACHUSETTS, MD=MARYLAND, ME=MAINE, MI=MICHIGAN,"
        " MN=MINNESOTA, MO=MISSOURI, MS=MISSISSIPPI, MT=MONTANA, NC=NORTH CAROLINA, ND=NORTH DAKOTA, NE=NEBRASKA,"
        " NH=NEW HAMPSHIRE, NJ=NEW JERSEY, NM=NEW MEXICO, NV=NEVADA, NY=NEW YORK, OH=OHIO, OK=OKLAHOMA, OR=OREGON,"
        " PA=PENNSYLVANIA, RI=RHODE ISLAND, SC=SOUTH CAROLINA, SD=SOUTH DAKOTA, TN=TENNESSEE, TX=TEXAS, UT=UTAH,"
        " VA=VIRGINIA, VT=VERMONT, WA=WASHINGTON, WI=WISCONSIN, WV=WEST VIRGINIA, WY=WYOMING",
        "CA": "AB=ALBERTA, BC=BRITISH COLUMBIA, MB=MANITOBA, NB=NEW BRUNSWICK, NL=NEWFOUNDLAND AND LABRADOR,"
        " NS=NOVA SCOTIA, NT=NORTHWEST TERRITORIES, NU=NUNAVUT, ON=ONTARIO, PE=PRINCE EDWARD ISLAND, QC=QUEBEC,"
        " SK=SASKATCHEWAN, YT=YUKON",
        "AU": "ACT=AUSTRALIAN CAPITAL TERRITORY, NSW=NEW SOUTH WALES, NT=NORTHERN TERRITORY, QLD=QUEENSLAND,"
        " SA=SOUTH AUSTRALIA, TAS=TASMANIA, VIC=VICTORIA, WA=WESTERN AUSTRALIA",
    }.items()
}

# By the first three digits of a US ZIP code, first and last; military mail and the territories belong to none.
ZIP_STATES: tuple[tuple[int, int, str], ...] = (
    (5, 5, "NY"), (10, 27, "MA"), (28, 29, "RI"), (30, 38, "NH"), (39, 49, "ME"), (50, 54, "VT"), (55, 55, "MA"),
    (56, 59, "VT"), (60, 69, "CT"), (70, 89, "NJ"), (100, 149, "NY"), (150, 196, "PA"), (197, 199, "DE"),
    (200, 200, "DC"), (201, 201, "VA"), (202, 205, "DC"), (206, 212, "MD"), (214, 219, "MD"), (220, 246, "VA"),
    (247, 268, "WV"), (270, 289, "NC"), (290, 299, "SC"), (300, 319, "GA"), (320, 339, "FL"), (341, 349, "FL"),
    (350, 369, "AL"), (370, 385, "TN"), (386, 397, "MS"), (398, 399, "GA"), (400, 427, "KY"), (430, 459, "OH"),
    (460, 479, "IN"), (480, 499, "MI"), (500, 528, "IA"), (530, 549, "WI"), (550, 567, "MN"), (569, 569, "DC"),
    (570, 577, "SD"), (580, 588, "ND"), (590, 599, "MT"), (600, 629, "IL"), (630, 658, "MO"), (660, 679, "KS"),
    (680, 693, "NE"), (700, 714, "LA"), (716, 729, "AR"), (730, 731, "OK"), (733, 733, "TX"), (734, 749, "OK"),
    (750, 799, "TX"), (800, 816, "CO"), (820, 831, "WY"), (832, 838, "ID"), (840, 847, "UT"), (850, 865, "AZ"),
    (870, 884, "NM"), (885, 885, "TX"), (889, 898, "NV"), (900, 961, "CA"), (967, 968, "HI"), (970, 979, "OR"),
    (980, 994, "WA"), (995, 999, "AK"),
)  # fmt: skip

# Florida presumes that holders of such a number are residents (Fla. Stat. 501.059(8)); the others are treated alike.
AREA_CODE_STATES: dict[str, str] = {
    code: state
    for state, codes in {
        "FL": "239 305 321 324 352 386 407 448 561 645 656 689 727 728 754 772 786 813 850 863 904 941 954",
        "MD": "227 240 301 410 443 667",
        "OK": "405 539 572 580 918",
        "WA": "206 253 360 425 509 564",
    }.items()
    for code in codes.split()
}

# British postcode areas with their own zone; all others are in Europe/London.
ISLAND_ZONES = {"JE": "Europe/Jersey", "GY": "Europe/Guernsey", "IM": "Europe/Isle_of_Man"}
