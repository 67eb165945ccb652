"""Texts for tokenizers_parity.py: self-written lines in many scripts, every character once in some
company, and random mixtures from a seeded generator."""
import random

LINES = {
    "Latin": ["The quick brown fox doesn't jump over the lazy dogs; they've seen it all before, haven't they?",
              "Über größere Straßen läuft der naïve façade-Maler ins Café. ÅNGSTRÖM, İstanbul, ﬁnancial ofﬁce.",
              "Zażółć gęślą jaźń; příliš žluťoučký kůň. Ḧello Ŵorld, déjà-vu, coöperate, Ǆ ǅ ǆ ŉ ſ ẞ.",
              "Tiếng Việt có nhiều dấu thanh: ắ ằ ẳ ẵ ặ, và e\u0302\u0301 tách rời."],
    "Greek": ["Ο ποταμός κυλάει αργά προς τη θάλασσα, ΣΙΣΥΦΟΣ και Ὀδυσσεύς· ἄνθρωπος."],
    "Cyrillic": ["Широкая река медленно течёт к северному морю. ЁЛКА, ЙОД, Україна, Ћуприја, Ѣ ѣ Ҁ."],
    "Armenian": ["Գետը դանդաղ հոսում է դեպի ծով։ ՀԱՅԱՍՏԱՆ և հայերեն։"],
    "Hebrew": ["הנהר זורם לאט אל הים הצפוני. בְּרֵאשִׁית בָּרָא, ״ציטוט״ ׳אות׳."],
    "Arabic": ["النهر يجري ببطء نحو البحر الشمالي. بِسْمِ ٱللَّهِ، ١٢٣٤ ٥٦٪ ؟ ﷺ لله"],
    "Syriac": ["ܢܗܪܐ ܪܕܐ ܠܝܡܐ܀ ܐܒܓܕ"],
    "Thaana": ["ކޯރު މަޑުމަޑުން ހިނގަމުންދެއެވެ."],
    "Devanagari": ["नदी धीरे-धीरे उत्तरी समुद्र की ओर बहती है। क़ ज़ फ़ क्ष त्र ज्ञ १२३"],
    "Bengali": ["নদী ধীরে ধীরে উত্তর সাগরের দিকে বয়ে যায়। কো কৌ ড় ১২৩"],
    "Gurmukhi": ["ਨਦੀ ਹੌਲੀ-ਹੌਲੀ ਸਮੁੰਦਰ ਵੱਲ ਵਗਦੀ ਹੈ। ਸ਼ ਖ਼ ੧੨"],
    "Gujarati": ["નદી ધીમે ધીમે સમુદ્ર તરફ વહે છે. ૧૨૩"],
    "Odia": ["ନଦୀ ଧୀରେ ଧୀରେ ସମୁଦ୍ର ଆଡ଼କୁ ବହେ। କୋ କୌ"],
    "Tamil": ["ஆறு மெதுவாக வடக்குக் கடலை நோக்கிப் பாய்கிறது. கொ கோ கௌ ௧௨"],
    "Telugu": ["నది నెమ్మదిగా సముద్రం వైపు ప్రవహిస్తుంది. కై ౧౨"],
    "Kannada": ["ನದಿಯು ನಿಧಾನವಾಗಿ ಸಮುದ್ರದ ಕಡೆಗೆ ಹರಿಯುತ್ತದೆ. ಕೋ"],
    "Malayalam": ["നദി പതുക്കെ കടലിലേക്ക് ഒഴുകുന്നു. കൊ കോ കൗ ർ ൽ"],
    "Sinhala": ["ගඟ සෙමින් මුහුද දෙසට ගලා යයි. කෝ කෞ ක්‍ෂ"],
    "Thai": ["แม่น้ำไหลช้าๆ ไปสู่ทะเลเหนือ กำ น้ำ ๑๒๓ ฯลฯ"],
    "Lao": ["ແມ່ນ້ຳໄຫຼຊ້າໆ ໄປສູ່ທະເລ ຫນ ໜ ໝ ໑໒"],
    "Tibetan": ["གཙང་པོ་དལ་གྱིས་རྒྱ་མཚོར་འབབ། ཀྵ གྷ ༡༢"],
    "Myanmar": ["မြစ်သည် ပင်လယ်သို့ ဖြည်းညှင်းစွာ စီးဆင်းသည်။ ၁၂"],
    "Georgian": ["მდინარე ნელა მიედინება ჩრდილოეთის ზღვისკენ. ᲗᲑᲘᲚᲘᲡᲘ"],
    "Hangul": ["강은 북쪽 바다로 천천히 흐른다. 각 갂 한글 ㄱㄴㄷ \u1100\u1161\u11a8 ﾡﾢ"],
    "Hiragana": ["かわはゆっくりときたのうみへながれる。がぎ か\u3099 ゝゞ"],
    "Katakana": ["カワハユックリトウミヘナガレル。ｶﾞｷﾞ パピプ ハ\u309a ㌔ ㌢ ー"],
    "Han": ["河流缓缓地流向北方的大海。漢字、豈更車賈，２０２６年㊀㊁，𠀀𪚥。", "東京都の川は海へ流れる「引用」。"],
    "Bopomofo": ["ㄏㄜˊ ㄌㄧㄡˊ ㄏㄨㄢˇ"],
    "Ethiopic": ["ወንዙ ወደ ሰሜን ባሕር ቀስ ብሎ ይፈስሳል። ፩፪፫"],
    "Khmer": ["ទន្លេហូរយឺតៗទៅសមុទ្រខាងជើង។ ១២៣"],
    "Mongolian": ["ᠮᠣᠩᠭᠣᠯ ᠪᠢᠴᠢᠭ᠌ ᠠᠮᠤᠷᠳᠠᠨ ᠤᠷᠤᠰᠤᠨᠠ᠃ ᢅᢆ"],
    "Cherokee": ["ᎡᏉᎯ ᎤᏪᏴ ᎠᎹᏱ ᏣᎳᎩ ꮳꮃꭹ ᏸᏹ"],
    "Canadian": ["ᐃᓄᒃᑎᑐᑦ ᓯᑯ ᑰᒃ ᙮ ᙭"],
    "Ogham": ["᚛ᚑᚌᚐᚋ᚜ ᚁᚂᚃ"],
    "Runic": ["ᚠᚢᚦᚨᚱᚲ᛫ᚷᚹ"],
    "Glagolitic": ["Ⰰⰱⰲ ⰳⰴⰵ ⱀⱁ"],
    "Coptic": ["Ⲁⲛⲟⲕ ⲡⲉ ⲡⲓⲟⲩⲱⲓⲛⲓ"],
    "Tifinagh": ["ⴰⵙⵉⴼ ⵉⵜⵜⴰⵣⵣⵍ"],
    "Balinese": ["ᬩᬮᬶ ᬅᬆ ᬇᬈ᭟"],
    "Deseret": ["𐐀𐐁𐐂 𐐨𐐩𐐪"],
    "Gothic": ["𐌰𐌱𐌲 𐌳𐌴𐌵"],
    "Adlam": ["𞤀𞤁𞤂 𞤢𞤣𞤤𞥐"],
}

SPECIAL = [
    "", " ", "  ", "\n", "\t\r\n", "   leading", "trailing   ", " \u00a0\u2003\u3000 ", "\u0000", "a\u0000b",
    "\ufeffbom first", "zero\u200bwidth\u200cjoin\u200der\u2060\ufeffmarks\u00adsoft", "\u202eright to left\u202c \u2066x\u2069",
    "\x01\x02 control\x1f\x7f\x85\x9f\x8f", "a\u2028b\u2029c\x0bd\x0ce", "\ufffd\ufffe\uffff\U0001ffff\U0010ffff \ue000\U000f0000",
    "👍 👍🏽 👩🏽\u200d🚀 👨\u200d👩\u200d👧\u200d👦 🏳\ufe0f\u200d🌈 🇩🇪🇫🇷🇯 ❤\ufe0f 1\ufe0f\u20e3 🧑🏿\u200d🤝\u200d🧑🏻 😀😁", "☃\ufe0e ✈\ufe0f ©®™ ‼⁉ ㊗",
    "é e\u0301 e\u0301\u0323 \u1ec7 q\u0307\u0323 \u0344\u0316 a\u0334\u0345\u0315 \u0301alone \u0323\u0301 \u05b0\u05b4\u05bc",
    "A\u030a \u212b \u2126 \u00c5 \u1e9b\u0323 \u0958 \u0929 \u09cb \u1026 \u1b06 \uac00\u11a8 \u1100\u1161 \u11a7 \uac01\u11a7",
    "ﬀ ﬁ ﬂ ﬃ ﬄ ﬅ ﬆ ㎏ ㏒ ½ ¼ ² ³ ¹ ① ⑩ ⒈ Ⅷ ⅷ ℌ ℵ ﷺ ﷽ ㍿ ㋿ Ａｂｃ１２ ﾊﾟ ｶﾞ … ‥ ″ ‴ ⁇ ªº",
    "\u1d160\U0001d165\U0001d158\U0001d165\U0001d16e \U0001d400\U0001d7d8 \U0001f100 \U0001f16c \U00011935\U00011930",
    "don't won't I'll you're they've I'd I'm 's 't '' 'S o'clock 'tis rock'n'roll ''s",
    "price: $1,234.56; 50% off! (see §3.2) -- e-mail a.b+c@d.example https://example.org/x?y=z&q=#frag",
    "x=1;y=2\n\n\tif (a<b) { return c[i++] * 3.14e-10; }\n  # comment\r\n\r\n", "1234567890 12 345 ١٢٣ ৪৫ Ⅻ ½3 ४५६",
    "[CLS] text [MASK] more[SEP][UNK] <s> </s> <mask>  <extra> yes YES Yesterday yes! oyes", "[MASK][MASK] [MASK]x x[MASK] \u3000[MASK]\u3000",
    "  <mask>  <mask>\n<mask>a<mask>", "▁▁ ▁a ▁ b▁", "<0x41> <0xE4> <unk> ▁<unk>▁ <pad>", "Ġword Ċ Ã© byte stand-ins",
    "supercalifragilisticexpialidocious" * 4, "a" * 300, "ab" * 150, " " * 200 + "x", "\n" * 100, "é" * 150, "漢" * 150, "\u0301" * 200,
    "e" + "\u0301\u0316" * 60, "👍🏽" * 60, "-" * 150, "1" * 150, "\u200d" * 80, "ก\u0e33" * 60, "ſtraße İİİ ŉŉ ǰǰ ΐΰ ẞẞ",
    "\u0897\u1c89\ua7cb\ua7dc\U00010d50\U00016ea0\U00011de0\U0002ebf0", "\u1e9e\u0130\u03a3\u03c2 \u1f88\u1fb3 \u2160\u24b6",
    "\u0600\u0661 \u06dd\u0662 \u070f\u0710 \U000110bd\U00011083 \u0e4d\u0e32", "\r\na\r\r\n\n\rb", "Ａ\u0301 Ａ\u0308x ª\u0301 ²\u20dd ½\u0301",
    "``quoted'' text", "a  b   c    d", "\ta\tb\t", "tab\tand space \t mix \n\n end\n",
]


def sweep(stride_large=41):
    """Every code point of planes 0 and 1 and some of the others, each between letters and alone."""
    texts, part = [], []
    for cp in range(0x110000):
        if 0xD800 <= cp < 0xE000:
            continue
        large = 0x3400 <= cp < 0xA000 or 0xAC00 <= cp < 0xD7A4 or cp >= 0x17000 and cp < 0x19000 or cp >= 0x20000
        if large and cp % (stride_large if cp < 0x30000 else 997):
            continue
        if 0xE000 <= cp < 0xF900 and cp % 53:
            continue
        c = chr(cp)
        part.append("a" + c + "b " + c)
        if len(part) == 64:
            texts.append(" ".join(part))
            part = []
    texts.append(" ".join(part))
    return texts


def mixtures(count, seed):
    rng = random.Random(seed)
    ranges = [(0x20, 0x7e), (0xa0, 0x17f), (0x180, 0x24f), (0x250, 0x2ff), (0x300, 0x36f), (0x370, 0x3ff), (0x400, 0x52f), (0x531, 0x587),
              (0x591, 0x5f4), (0x600, 0x6ff), (0x700, 0x74f), (0x900, 0x97f), (0x980, 0x9ff), (0xb80, 0xbff), (0xc00, 0xc7f), (0xd80, 0xdff),
              (0xe01, 0xe5b), (0xe80, 0xedf), (0xf00, 0xfff), (0x1000, 0x109f), (0x10a0, 0x10ff), (0x1100, 0x11ff), (0x1200, 0x137f),
              (0x13a0, 0x13ff), (0x1780, 0x17ff), (0x1800, 0x18af), (0x1ab0, 0x1aff), (0x1dc0, 0x1dff), (0x1e00, 0x1fff), (0x2000, 0x206f),
              (0x2070, 0x218f), (0x20d0, 0x20ff), (0x2190, 0x27bf), (0x3000, 0x30ff), (0x3200, 0x33ff), (0x4e00, 0x4fff), (0xac00, 0xad00),
              (0xf900, 0xfaff), (0xfb00, 0xfdff), (0xfe00, 0xffef), (0x10400, 0x1044f), (0x1d100, 0x1d1ff), (0x1d400, 0x1d7ff),
              (0x1f1e6, 0x1f1ff), (0x1f300, 0x1f6ff), (0x1f900, 0x1f9ff), (0x2f800, 0x2fa1d), (0xe0100, 0xe01ef)]
    words = [w for lines in LINES.values() for line in lines for w in line.split()]
    glue = [" "] * 12 + ["  ", "\n", "\t", "", "", "-", ".", ", ", "'s ", "\u00a0", "\u200b", "\u200d", "\u0301", "\u0323", "\ufe0f", "[MASK]", "<mask>", " <s>"]
    marks = [chr(c) for c in list(range(0x300, 0x370)) + [0x5b0, 0x5b4, 0x5bc, 0x64b, 0x651, 0x93c, 0x94d, 0xe38, 0xe48, 0xf71, 0xf72, 0x3099, 0x309a, 0x1d165, 0x1d16d, 0x20dd]]
    texts = []
    for _ in range(count):
        out = []
        for _ in range(rng.randint(1, 24)):
            kind = rng.random()
            if kind < 0.5:
                out.append(rng.choice(words))
            elif kind < 0.75:
                low, high = rng.choice(ranges)
                out.append("".join(chr(rng.randint(low, high)) for _ in range(rng.randint(1, 8))))
            elif kind < 0.85:
                out.append(rng.choice("aeonxAEO가か") + "".join(rng.choice(marks) for _ in range(rng.randint(1, 5))))
            elif kind < 0.93:
                out.append(str(rng.randint(0, 10 ** rng.randint(1, 9))))
            else:
                low, high = rng.choice(ranges)
                out.append(chr(rng.randint(low, high)) * rng.randint(2, 40))
            out.append(rng.choice(glue))
        texts.append("".join(out))
    return texts


def all_texts(seed=20260101):
    texts = [line for lines in LINES.values() for line in lines] + SPECIAL
    texts += ["\n".join(line for lines in LINES.values() for line in lines)]
    return texts + mixtures(1500, seed) + sweep()


def training_lines(seed=7):
    lines = [line for lines in LINES.values() for line in lines]
    return lines * 3 + [t for t in SPECIAL if len(t) < 120 and "\0" not in t] + mixtures(600, seed)
