"""The words that values of the synthetic tasks are listed as, those of training and those of evaluations apart."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TRAIN_WORDS", "UNSEEN_WORDS", "Words"]


@dataclass(frozen=True)
class Words:
    """The word lists of one side; values are composed of them."""

    first: tuple[str, ...]
    last: tuple[str, ...]
    city: tuple[str, ...]
    item: tuple[str, ...]
    title: tuple[str, ...]
    place: tuple[str, ...]
    plain: tuple[str, ...]

    def all(self) -> frozenset[str]:
        """Every single word in the lists, in lower case."""
        lists = (self.first, self.last, self.city, self.item, self.title, self.place, self.plain)
        return frozenset(word.lower() for words in lists for value in words for word in value.split())


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(","))


TRAIN_WORDS = Words(
    first=_words(
        "Alice, Bruno, Carmen, David, Elena, Felix, Grace, Hassan, Irene, James, Keiko, Liam, Maria, Nadia, Oscar,"
        "Priya, Quentin, Rosa, Simon, Tara, Umar, Victor, Wendy, Xenia, Yusuf, Zara, Anton, Bella, Cyrus, Doris, Erik,"
        "Fiona, George, Helen, Igor, Julia, Kevin, Laura, Martin, Olga, Paul, Ruth, Stefan, Thomas, Ursula,"
        "Walter, Yvonne"
    ),
    last=_words(
        "Adams, Baker, Carter, Diaz, Evans, Fischer, Garcia, Hughes, Ivanov, Jensen, Keller, Lopez, Miller, Nguyen,"
        "Okafor, Patel, Quinn, Rossi, Smith, Tanaka, Ueda, Vargas, Wagner, Xu, Young, Zhang, Allen, Brown, Clark, Dunn,"
        "Foster, Green, Harris, Jones, King, Lewis, Moore, Parker, Reed, Scott, Taylor, Walker, White, Wright"
    ),
    city=_words(
        "Berlin, Cairo, Dublin, Geneva, Hamburg, Istanbul, Jakarta, Kyoto, Lima, Madrid, Naples, Oslo, Paris, Quito,"
        "Rome, Seoul, Tokyo, Utrecht, Vienna, Warsaw, York, Zurich, Athens, Boston, Chicago, Dallas, Denver, Leeds,"
        "Milan, Munich, Porto, Prague, Sydney, Turin, New Haven, San Pedro, Port Louis, Los Gatos"
    ),
    item=_words(
        "apples, books, boxes, cables, chairs, clocks, cups, desks, doors, drums, forks, frames, gloves, hats, jars,"
        "keys, ladders, maps, nails, ovens, pens, plates, pots, ropes, rugs, shelves, shirts, shoes, spoons, stools,"
        "tables, tents, tiles, tools, towels, trays, vases, wheels, blue bags, paper bowls, metal hooks, red flags"
    ),
    title=_words(
        "Board Meeting, Budget Review, Chess Club, Code Review, Dance Class, Design Sprint, Exam, Interview, Lunch,"
        "Music Lesson, Project Call, Release Party, Sales Training, Staff Lunch, Team Meeting, Yoga Class, Brunch"
    ),
    place=_words(
        "Room Seven, Main Hall, the Library, the Office, Studio North, the Gym, Cafe Rio, City Park, the Lobby,"
        "Hall West, the Museum, Room Blue, the Theatre, Hotel Astor, School Yard, Tower Five"
    ),
    plain=_words(
        "amber, bronze, copper, cotton, crimson, daily, fast, fresh, frozen, golden, indigo, local, maple, north,"
        "olive, paper, pending, purple, quiet, ready, rough, round, salty, silver, slow, smooth, spare, steel, velvet,"
        "weekly, yellow, closed, sent, early, broken, cold, dark, empty, flat"
    ),
)

UNSEEN_WORDS = Words(
    first=_words(
        "Ada, Nora, Alan, Grete, Edsger, Barbara, Donald, Katherine, Linus, Margaret, Niklaus, Radia, Sophie, Tony,"
        "Emmy, Carl, Blaise, Sofia, Henri, Marie, Isaac, Rachel, Robin, Ines, Pablo, Clara, Hugo, Mira, Otto, Lucy,"
        "Samir, Ingrid, Mateo, Freya, Dmitri, Amara, Kofi, Leila, Rohan, Sven, Astrid, Chloe, Diego, Esther, Gavin"
    ),
    last=_words(
        "Lovelace, Quill, Turing, Hopper, Dijkstra, Liskov, Knuth, Johnson, Hamilton, Wirth, Perlman, Wilson, Hoare,"
        "Noether, Gauss, Pascal, Kovalev, Curie, Newton, Carson, Hood, Moreno, Casal, Schumann, Brandt, Lang, Holm,"
        "Haddad, Berg, Silva, Larsen, Volkov, Diallo, Mensah, Farahani, Gupta, Nilsson, Lund, Bennett, Castro, Stone"
    ),
    city=_words(
        "London, Lisbon, Bergen, Toronto, Nairobi, Havana, Mumbai, Delhi, Lagos, Cologne, Dresden, Ghent, Bruges,"
        "Florence, Palermo, Seville, Malaga, Krakow, Riga, Tallinn, Helsinki, Aarhus, Glasgow, Cardiff, Bristol,"
        "Austin, Seattle, Portland, Phoenix, Houston, Perth, Osaka, Hanoi, Manila, Lyon, Nantes, New Orleans,"
        "San Marino"
    ),
    item=_words(
        "lamps, mugs, candles, bikes, pillows, notebooks, umbrellas, blankets, mirrors, carpets, bottles, hammers,"
        "kettles, jackets, scarves, baskets, puzzles, guitars, cameras, speakers, pencils, stamps, helmets, buckets,"
        "brushes, curtains, benches, barrels, lanterns, magnets, green sofas, wooden spades, silver rings"
    ),
    title=_words(
        "Garden Tour, Piano Recital, Book Fair, Product Demo, Press Briefing, Town Council, Wine Tasting, Science Fair,"
        "Choir Rehearsal, Picnic, Webinar, Workshop, Seminar, Graduation, Film Night, Pottery Course, Kickoff, Auction"
    ),
    place=_words(
        "Cafe Luna, Room Birch, the Chapel, the Stadium, Hotel Regent, the Cellar, Pavilion Nine, Room Cedar,"
        "the Harbour, Villa Flora, the Arcade, Gallery Ten, the Orchard, Cafe Fado, Barn Hill, the Terrace"
    ),
    plain=_words(
        "azure, bamboo, ceramic, cobalt, coral, delayed, dusty, express, fragile, ginger, hourly, ivory, jade, linen,"
        "lunar, marble, minty, monthly, muddy, narrow, orange, plastic, polar, rapid, rusty, shiny, solar, spicy,"
        "stormy, sturdy, tidy, urgent, vivid, wicker, yearly, zesty"
    ),
)
