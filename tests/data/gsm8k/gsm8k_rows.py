"""Rows in GSM8K's layout, about other things than its own."""

from prm_jax.formats import gsm8k
from prm_jax.records import Where


def row(question, *lines, answer):
    return {"question": question, "answer": "\n".join((*lines, f"#### {answer}"))}


ROWS = (
    row(
        "A baker fills 36 trays with 18 rolls each and sells 459 rolls. How many are left?",
        "He bakes 36*18 = <<36*18=648>>648 rolls.",
        "There are 648-459 = <<648-459=189>>189 rolls left.",
        answer=189,
    ),
    row(
        "Mia has 84 stickers. Tom has 57 more than Mia and gives away 65. How many has Tom?",
        "Tom starts with 84 + 57 = <<84+57=141>>141 stickers.",
        "After that he has 141 - 65 = <<141-65=76>>76 stickers.",
        answer=76,
    ),
    row(
        "A hall has 45 rows of 28 seats. 683 seats are taken, then 119 people leave. Free seats?",
        "The hall has 45 x 28 = <<45*28=1260>>1,260 seats.",
        "So 1,260 - 683 = <<1260-683=577>>577 seats are free at first.",
        "In the end 577 + 119 = <<577+119=696>>696 seats are free.",
        answer=696,
    ),
    row(
        "Pens cost $1.25 and books $8.40. What do 6 pens and 5 books cost together?",
        "The pens cost 6 * $1.25 = $<<6*1.25=7.5>>7.5.",
        "The books cost 5 * $8.40 = $<<5*8.40=42>>42.",
        "Together that is $7.5 + $42 = $<<7.5+42=49.5>>49.5.",
        answer="49.5",
    ),
    row(
        "A tank holds 960 liters. A pump takes out 16 liters a minute. How many minutes, plus 25?",
        "It needs 960/16 = <<960/16=60>>60 minutes.",
        "With the break it is 60+25 = <<60+25=85>>85 minutes.",
        answer=85,
    ),
    row(
        "Ann walks 5 km in 10 hours by ferry. Bob goes 17 km faster. How fast is Bob?",
        "Ann makes 5/10 = <<5/10=0.5>>0.5 km an hour.",
        "Bob makes 0.5 + 17 = <<0.5+17=17.5>>17.5 km an hour.",
        answer="17.5",
    ),
    row(
        "A rope of 10 m is cut into 5 parts. Another has 18 m more than a part. How long is it?",
        "A part has 10/5 = <<10/5=2>>2 m.",
        "The other has 2 + 18 = <<2+18=20>>20 m.",
        answer=20,
    ),
    row(
        "A farm has 73 cows and 48 goats and sells 26 animals. It buys 95 hens. How many animals?",
        "There are 73+48=<<73+48=121>>121 animals.",
        "It keeps 121-26=<<121-26=95>>95 animals.",
        "In all it has 95+95=<<95+95=190>>190 animals.",
        answer=190,
    ),
    row(
        "A train has 14 cars of 62 seats. 37 seats are broken. How many work?",
        "There are 14 × 62 = <<14*62=868>>868 seats in the train.",
        "We take away the broken ones.",
        "Then 868 – 37 = <<868-37=831>>831 seats work.",
        answer=831,
    ),
    row(
        "Sue reads 43 pages on Monday, 58 on Tuesday and 39 on Friday. The book has 262. Left?",
        "She reads 43 + 58 + 39 = <<43+58+39=140>>140 pages.",
        "Left are 262 - 140 = <<262-140=122>>122 pages.",
        answer=122,
    ),
    row(
        "Each of 26 boxes weighs (15 + 19) grams. A truck takes 900 grams. How much is left?",
        "The boxes weigh 26 * (15 + 19) = <<26*(15+19)=884>>884 grams.",
        "That leaves 900 - 884 = <<900-884=16>>16 grams.",
        answer=16,
    ),
    row(
        "A club has 54 members and wins 29. Then 46 leave. How many stay?",
        "First there are 54 members and 29 new ones, which makes <<54+29=83>>83.",
        "Of these stay 83 - 46 = <<83-46=37>>37 members.",
        answer=37,
    ),
)


def right():
    """The rows as trajectories."""
    return [
        trajectory
        for line, content in enumerate(ROWS, 1)
        for trajectory in gsm8k.read(content, Where("own.jsonl", line))
    ]
