"""When each drill comes back: FSRS over the log of ratings, aimed at the day of the interview.

FSRS (Ye et al., 2022; the ``fsrs`` package) models a memory by its stability (days until recall falls to
90 %) and difficulty, and chooses the interval after which recall falls to a desired retention. Three rules
of ours aim it at the interview:

1. The desired retention rises linearly from 85 % four weeks before the interview to 95 % on its day
   (90 % when no date is set): the closer the day, the shorter the intervals.
2. In the last week every drill gets a final look, on a day of its own (a hash of its id spreads them), and
   no interval reaches past that day. So everything that was ever practised is seen before the interview.
3. After its final look a drill returns only if FSRS expects recall to fall below the desired retention
   before the interview; otherwise it rests until after it.

Days are the learner's local days: a drill is due from midnight of its day, except that one just rated
"again" returns after ten minutes. There is no random fuzz: the same log gives the same dates.
"""

import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import fsrs
from fsrs import Rating as Rating  # one name for the four ratings, here and for those above

from cnnkit.drills.question import Question
from cnnkit.drills.store import Answer, Review, Store
from cnnkit.errors import OptionError

RETENTION_FAR, RETENTION_AT_INTERVIEW, RETENTION_WITHOUT_DATE = 0.85, 0.95, 0.90
RAMP_DAYS = 28
FINAL_LOOK_DAYS = 7
MAX_INTERVAL_DAYS = 180
MASTERED_STABILITY_DAYS = 7.0
STEP = timedelta(minutes=10)
SEED_TRIES = 200  # how many draws before a generator counts as exhausted

_NAMES = {"again": Rating.Again, "hard": Rating.Hard, "good": Rating.Good, "easy": Rating.Easy}


def local_now() -> datetime:
    """Return the present moment in the learner's own time zone."""
    return datetime.now().astimezone()


def parse_rating(value: object) -> Rating:
    """Read a rating: "again", "hard", "good", "easy", a first letter of them, or 1 to 4."""
    text = str(value).strip().lower()
    for name, rating in _NAMES.items():
        if text and (name.startswith(text) or text == str(int(rating))):
            return rating
    raise OptionError(f"rating={value!r} is not one of again, hard, good, easy (or 1, 2, 3, 4)")


def suggest_rating(*, correct: bool, tries: int = 1, hints: int = 0, solution_seen: bool = False) -> Rating:
    """Suggest again for a wrong answer or an opened solution, hard after hints or a second try, else good."""
    if not correct or solution_seen:
        return Rating.Again
    return Rating.Hard if hints or tries > 1 else Rating.Good


@dataclass(frozen=True)
class Memory:
    """What the log says about one drill: FSRS's state, when it is due, how often and when it was rated."""

    drill_id: str
    card: fsrs.Card
    due: datetime
    ratings: int
    days: int
    last_rating: Rating

    @property
    def mastered(self) -> bool:
        """Whether recall is expected to stay above 90 % for a week, after ratings on two days or more."""
        stable = (self.card.stability or 0.0) >= MASTERED_STABILITY_DAYS
        return stable and self.days > 1 and self.card.state == fsrs.State.Review


@dataclass(frozen=True)
class Workload:
    """How many reviews remain until the interview if every answer is good, and over how many days."""

    days_left: int
    reviews: int

    @property
    def per_day(self) -> int:
        """Reviews a day, rounded up; the day of the interview itself is free."""
        return -(-self.reviews // max(1, self.days_left))


class Scheduler:
    """Due dates, ratings and fresh numbers for one learner; ``clock`` returns the aware local time."""

    def __init__(self, store: Store | None = None, clock: Callable[[], datetime] = local_now) -> None:
        self.store = store if store is not None else Store()
        self.clock = clock

    @property
    def today(self) -> date:
        """The learner's local date."""
        return self.clock().date()

    def interview_date(self) -> date | None:
        """Return the date of the interview while it lies ahead (or is today), else None."""
        day = self.store.interview_date()
        return day if day and day >= self.today else None

    def set_interview_date(self, day: date | None) -> None:
        """Aim all reviews at this day; None goes back to plain spaced repetition."""
        if day is not None and day < self.today:
            raise OptionError(f"day={day} is past (today is {self.today}); give the date of the interview")
        self.store.set_interview_date(day)

    def memories(self) -> dict[str, Memory]:
        """Return the memory of every drill that was rated at least once, from the log alone."""
        log: defaultdict[str, list[Review]] = defaultdict(list)
        for review in self.store.reviews():
            log[review.drill_id].append(review)
        interview = self.interview_date()
        return {drill_id: self._replay(drill_id, reviews, interview) for drill_id, reviews in log.items()}

    def memory(self, drill_id: str) -> Memory | None:
        """Return the memory of one drill, or None while it has no rating."""
        reviews = self.store.reviews(drill_id)
        return self._replay(drill_id, reviews, self.interview_date()) if reviews else None

    def due(self) -> list[str]:
        """Return the drills that are due now, the longest overdue first."""
        now = self.clock()
        waiting = sorted((memory.due, drill_id) for drill_id, memory in self.memories().items())
        return [drill_id for moment, drill_id in waiting if moment <= now]

    def rate(self, drill_id: str, seed: int, rating: object, answers: Sequence[Answer] = ()) -> Memory:
        """Append a rating, with the answers it is about, to the log, and return the memory that follows."""
        review = Review(drill_id, seed, int(parse_rating(rating)), at=self.clock())
        self.store.add_review(review, answers)
        return self._replay(drill_id, self.store.reviews(drill_id), self.interview_date())

    def preview(self, drill_id: str) -> dict[Rating, datetime]:
        """Return when the drill would be due after each of the four ratings, if it were rated now."""
        log, interview = self.store.reviews(drill_id), self.interview_date()
        ratings = {rating: Review(drill_id, 0, int(rating), at=self.clock()) for rating in _NAMES.values()}
        return {r: self._replay(drill_id, [*log, review], interview).due for r, review in ratings.items()}

    def workload(self, drill_ids: Iterable[str]) -> Workload | None:
        """Forecast the reviews of these drills up to the interview; None when no date is set.

        Drills not yet met are spread evenly over the days before the last week.
        """
        interview = self.interview_date()
        if interview is None:
            return None
        known, today = self.memories(), self.today
        days_left = (interview - today).days
        teaching_days = max(1, days_left - FINAL_LOOK_DAYS)
        ids = list(drill_ids)
        new = [drill_id for drill_id in ids if drill_id not in known]
        reviews = 0
        for place, drill_id in enumerate(new):
            start = today + timedelta(days=place * teaching_days // len(new))
            reviews += _forecast(drill_id, fsrs.Card(card_id=0), start, interview)
        for drill_id in set(ids) & known.keys():
            start = max(today, known[drill_id].due.date())
            reviews += _forecast(drill_id, known[drill_id].card, start, interview)
        return Workload(days_left, reviews)

    def _replay(self, drill_id: str, reviews: Sequence[Review], interview: date | None) -> Memory:
        card, due_day = fsrs.Card(card_id=0), date.min
        zone = self.clock().tzinfo
        moments = [review.at.astimezone(zone) for review in reviews]
        for review, moment in zip(reviews, moments, strict=True):
            card, due_day = _after(drill_id, card, Rating(review.rating), moment.date(), interview)
        learning = card.state != fsrs.State.Review
        due = moments[-1] + STEP if learning else datetime.combine(due_day, time.min, zone)
        days = len({moment.date() for moment in moments})
        return Memory(drill_id, card, due, len(reviews), days, Rating(reviews[-1].rating))


def draw_seed(question: Callable[[int], Question], used: Sequence[int], avoid: int | None = None) -> int:
    """Return a seed whose numbers are new to the learner.

    ``used`` holds the seeds already met, the one met longest ago first; ``avoid`` is the seed on screen. When
    the generator has no new numbers left, the ones met longest ago return, drawn with a new seed.
    """
    met = list(used) if avoid is None else [*used, avoid]
    last_met = {_face(question(seed)): place for place, seed in enumerate(met)}
    taken = set(met)
    best, best_place = 0, len(met)
    for seed in range(SEED_TRIES + len(met)):
        if seed in taken:
            continue
        place = last_met.get(_face(question(seed)), -1)
        if place < 0:
            return seed
        if place < best_place:
            best, best_place = seed, place
    return best


def _face(question: Question) -> tuple[object, ...]:
    """Return what a learner sees of a question, whatever the order of its options."""
    return (question.prompt, question.starter, tuple(sorted(choice.text for choice in question.choices)))


def _retention(day: date, interview: date | None) -> float:
    if interview is None or day >= interview:
        return RETENTION_WITHOUT_DATE
    nearness = 1 - min((interview - day).days, RAMP_DAYS) / RAMP_DAYS
    return RETENTION_FAR + (RETENTION_AT_INTERVIEW - RETENTION_FAR) * nearness


def _final_look(drill_id: str, interview: date) -> date:
    place = zlib.crc32(drill_id.encode()) % FINAL_LOOK_DAYS  # crc32, not hash(): the same in every process
    return interview - timedelta(days=1 + place)


def _after(
    drill_id: str, card: fsrs.Card, rating: Rating, day: date, interview: date | None
) -> tuple[fsrs.Card, date]:
    """Return the card after a rating on ``day``, and the day on which it is due.

    FSRS counts elapsed time in whole days of 24 hours; noon of the local day stands for the moment, so that
    an evening and the next morning are one day apart.
    """
    scheduler = fsrs.Scheduler(
        desired_retention=_retention(day, interview),
        learning_steps=(STEP,),
        relearning_steps=(STEP,),
        maximum_interval=MAX_INTERVAL_DAYS,
        enable_fuzzing=False,
    )
    noon = datetime.combine(day, time(12), UTC)
    card, _ = scheduler.review_card(card, rating, review_datetime=noon)
    due_day = card.due.date()
    if interview is not None and day < _final_look(drill_id, interview):
        due_day = min(due_day, _final_look(drill_id, interview))
    return card, due_day


def _forecast(drill_id: str, card: fsrs.Card, day: date, interview: date) -> int:
    """Count the reviews of one drill from ``day`` to the day before the interview, all of them good."""
    reviews = 0
    while day < interview:
        card, due_day = _after(drill_id, card, Rating.Good, day, interview)
        reviews += 1
        day = max(due_day, day + timedelta(days=1))
    return reviews
