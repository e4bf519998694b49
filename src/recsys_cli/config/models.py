"""The models behind recsys.toml. Unknown keys are errors; every field says what it does."""

from typing import ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    ValidationInfo,
    field_validator,
    model_validator,
)

from recsys_cli.config.lengths import Days, Length
from recsys_cli.config.rules import RulesConfig
from recsys_cli.config.sources import Source, is_remote
from recsys_cli.moments import days_in, parsed_length

Backend = Literal["auto", "cpu", "gpu", "spark"]
Precision = Literal["auto", "fp32", "bf16"]
UNSET = "has to be set"
IdRule = Literal["case", "spaces", "unicode", "decimals", "zeros"]


class Section(BaseModel):
    """Base of every section: unknown keys are refused, values are read-only once loaded."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    where: ClassVar[frozenset[str]] = frozenset()
    """Settings that decide where something runs, not what comes of it."""


class ColumnsConfig(Section):
    """Names of the raw events columns of a generic dataset; unset ones are guessed."""

    user: str | None = None
    """Column holding the user id."""
    item: str | None = None
    """Column holding the item id."""
    time: str | None = None
    """Column holding the time: dates, or epochs in s, ms or µs (told apart by size)."""
    clock: str | None = None
    """Column holding the time of day, where that of `time` holds the day alone."""
    event: str | None = None
    """Column holding the kind of event, such as view or purchase."""
    value: str | None = None
    """Column holding a number, such as a rating, a price or a quantity."""
    session: str | None = None
    """Column holding the session (visit, order) that an event belongs to, and ends with; unset,
    none says when sessions end. See `guests`, too."""


class JoinConfig(Section):
    """A file whose columns belong to the events of a generic dataset."""

    file: Source
    """The file within `path`, or whence it comes, as `events`; one row for each value of `on`."""
    on: str
    """The column that both files have."""
    key: str | None = None
    """What that column is called in the file, where that is not `on`, such as the id of orders."""


class SplitConfig(Section):
    """How the item column of a generic dataset's events lists several items in a cell."""

    by: str = " "
    """What stands between two items; brackets and quotes around them are left aside."""
    mark: str | None = None
    """What stands between an item and its mark, as the - of N55689-1. The marks become a column
    that is called like that of the items and `.mark`, for `keep` or `columns.value`."""
    history: str | None = None
    """A column that lists what the user had before, to become events of the user's first time."""


class DatasetConfig(Section):
    """One data source: where its raw files are and how to read them."""

    kind: str
    """Which adapter reads the files: hm, retailrocket or generic."""
    path: str | None = None
    """Folder of the raw files, relative to the workspace; needed unless all come from elsewhere."""
    source: str | None = None
    """Short tag kept beside each item id; by default the dataset's name."""
    events: Source | None = Field(default=None, examples=["orders.csv"])
    """generic: events file within `path`; by default the only file that looks like one. Here and
    for items and users, a pattern (orders_*.csv) or a folder is all its files as one, and so is a
    URL of such (s3://, gs://, az://, https://); { sql = "select …", url = "postgresql://…" } is
    what a query gives, of sqlite:/// and duckdb:/// files too."""
    items: Source | None = Field(default=None, examples=["products.csv"])
    """generic: items file within `path`, optional."""
    users: Source | None = Field(default=None, examples=["customers.csv"])
    """generic: users file within `path`, optional."""
    columns: ColumnsConfig = ColumnsConfig()
    """generic: names of the events columns where they can't be guessed."""
    item_id: str | None = None
    """generic: id column of the items file; by default named like the events' item column."""
    user_id: str | None = None
    """generic: id column of the users file; by default named like the events' user column."""
    name_column: str | None = None
    """generic: items column shown as the item's name; by default guessed (name, title, …)."""
    text_columns: list[str] | None = None
    """generic: items columns that make up the text of an item; by default all text columns."""
    category_columns: list[str] | None = None
    """generic: items columns that are categories."""
    variant_column: str | None = None
    """Items column that is the same for variants of one product, such as its colours."""
    image_column: str | None = None
    """generic: items column with the picture's path relative to `path`."""
    segment_columns: list[str] | None = None
    """User columns whose groups get their own popularity list and evaluation rows."""
    user_columns: list[str] | None = None
    """User columns with few values that say something about taste; default from the kind."""
    weights: dict[str, NonNegativeFloat] | None = None
    """Weight of each kind of event as training signal, such as {view = 1, purchase = 5}."""
    value_as_weight: bool | None = None
    """Multiply an event's weight by its value (ratings, quantities); by default no."""
    repurchase: bool | None = None
    """Whether an item the user already has may be recommended again; default from the kind."""
    horizon: Length | None = Field(default=None, exclude=True, examples=["6h"])
    """Length of the test window, and of the windows that models learn from: 90m, 6h, 7d, 2w;
    default from the kind."""
    horizon_days: Days | None = Field(default=None, validate_default=True)
    """The same as a number of days, as older files have it."""
    truth_events: list[str] | None = None
    """Kinds of event that count as a hit in evaluation; by default all."""
    separator: str | None = None
    """Field separator of the raw text files, such as ";" or "::"; by default sniffed."""
    header: bool | None = None
    """generic: whether text files begin with names of columns; by default recognised. Without,
    columns are called column_1, column_2, …"""
    encoding: str | None = None
    """Encoding of the raw text files, such as latin-1 or cp1252; by default UTF-8 (or UTF-16)."""
    join: list[JoinConfig] = []
    """generic: other files whose columns belong to the events, such as an order's customer and
    date: [{ file = "orders.csv", on = "order_id" }]."""
    split: SplitConfig | None = None
    """generic: the item column lists several items in a cell, such as { by = " " }; with marks
    behind them, as in N55689-1 N35729-0, { by = " ", mark = "-" }. With `history`, what another
    column lists comes before."""
    time_format: str | None = None
    """generic: how times are written, as in strftime: "%d/%m/%Y %H:%M"; by default recognised."""
    missing_ids: list[str] | None = None
    """generic: words that stand for a missing user or item; by default NA, null, None, nan, …;
    [] keeps every word as an id."""
    normalize_ids: list[IdRule] = []
    """generic: what two spellings of an id may differ in and still be one: case, spaces (around
    it, no-break and of no width), unicode (NFC), decimals (18.0 for 18), zeros (leading)."""
    keep: list[str] = []
    """generic: conditions that a row of the events must meet: ["is_click=1", "rating>=4"]."""
    returns: Literal["keep", "subtract", "drop"] | None = None
    """generic: rows of negative value, such as returned pieces: subtract takes them from what
    the user bought, drop leaves them out; by default they are kept, as events like others."""
    gone_items: Literal["hide", "keep"] | None = None
    """Whether items that the items file lacks are recommended: by default they are hidden once
    the file has a tenth as many items as only the events have."""
    guests: Literal["drop", "session"] | None = None
    """generic: rows without a user: drop leaves them out, session makes the session (or order)
    that they belong to a user."""

    @field_validator("horizon_days")
    @classmethod
    def _in_days(cls, days: float | None, info: ValidationInfo) -> float | None:
        horizon = info.data.get("horizon")
        if horizon is None:
            return days
        if days is not None:
            raise ValueError("horizon says it already: give one of the two")
        return days_in(parsed_length(horizon))

    @model_validator(mode="after")
    def _has_files(self) -> Self:
        if self.path is None and (self.kind != "generic" or not is_remote(self.events)):
            raise ValueError(f"path {UNSET}")
        if self.path is None and self.image_column is not None:
            raise ValueError("image_column needs path, the folder of the pictures")
        return self

    @property
    def sources(self) -> dict[str, Source]:
        """What recsys.toml names, by table: events, items, users, and join1, join2 and so on."""
        own = {"events": self.events, "items": self.items, "users": self.users}
        joined = {f"join{n}": join.file for n, join in enumerate(self.join, 1)}
        return {table: source for table, source in (own | joined).items() if source}


OVERRIDABLE = ("interactions", "text", "image", "recommend", "rules")
"""Sections that a dataset may override for itself, besides those of strategies."""


class InteractionsConfig(Section):
    """How events become one weighted row per user and item (`recsys als export`)."""

    half_life_days: PositiveFloat | None = None
    """Age at which an event counts half; unset means that age does not matter."""
    max_weight: PositiveFloat | None = None
    """Cap on the summed weight of one user and item; unset means no cap."""


class SparkConfig(Section):
    """Where `als.backend = "spark"` trains."""

    master: str = "local[*]"
    """Spark master: local[N] is this machine with N cores; yarn, k8s://…, spark://… a cluster."""
    driver_memory: str = "2g"
    """Memory of the driver, which on local[N] does all the work."""
    exchange: str | None = None
    """Folder that this machine and every executor see under the same path; a cluster needs it."""
    blocks: PositiveInt = 10
    """Blocks of users and of items, each a task."""
    regularization: NonNegativeFloat = 0.05
    """MLlib's regParam, which it multiplies by the number of a user's or item's pairs."""
    conf: dict[str, str] = Field(default_factory=dict, examples=[{"spark.executor.memory": "8g"}])
    """Further Spark settings."""


class TextConfig(Section):
    """How items' texts become vectors (`recsys embed text`)."""

    encoder: str | None = Field(
        default=None, examples=["sentence-transformers:all-MiniLM-L6-v2", "lsa"]
    )
    """sentence-transformers:NAME-OR-FOLDER (a model of the Hugging Face hub or a local folder),
    or lsa, which is fitted on the catalogue and needs no download. Unset: texts play no role."""
    where = frozenset({"device"})

    dtype: Precision = "auto"
    """Precision of the model: fp32, bf16, or auto: bf16 where it is faster and as good."""
    device: str = "auto"
    """Where the model runs: cpu, cuda, …; auto is the GPU where there is one."""


class ImageConfig(Section):
    """How items' pictures become vectors (`recsys embed image`)."""

    encoder: str | None = Field(
        default=None, examples=["open_clip:ViT-B-32/laion2b_s34b_b79k", "histogram"]
    )
    """open_clip:ARCHITECTURE/TAG-OR-CHECKPOINT, or histogram, which looks at colours and edges
    and needs no download. Unset: pictures play no role."""
    where = frozenset({"device", "workers"})

    dtype: Precision = "auto"
    """As text.dtype."""
    device: str = "auto"
    """As text.device."""
    workers: int = Field(default=0, ge=0)
    """Processes that decode pictures ahead of the model; 0 means as many as threads."""


class RecommendConfig(Section):
    """Defaults of `recsys recommend`."""

    k: PositiveInt = 12
    """How many items per user."""
    strategy: str = "auto"
    """Strategy used where none is asked for."""


class EvalConfig(Section):
    """Defaults of `recsys eval`."""

    k: list[PositiveInt] = [10, 12, 20]
    """Depths at which every metric is computed."""
    protocol: Literal["temporal", "leave-last-out", "next-in-session", "random-out"] = "temporal"
    """How the test events are split off; random-out where events carry no time."""
    gap_minutes: PositiveFloat | None = None
    """Pause after which a user's next event begins another session of next-in-session; unset: 30,
    and none where events name their sessions (`columns.session`)."""
    resamples: PositiveInt = 1000
    """Bootstrap resamples behind the 95% intervals."""
    seed: int = 42
    """Seed of the bootstrap, of the users that the report shows, and of the sessions drawn."""
    windows: PositiveInt = 1
    """Test windows of the temporal protocol and of next-in-session, the last of which ends with the
    last event."""
    baseline: str = "popular"
    """Strategy that the others are compared with, where it is measured too."""


class ServeConfig(Section):
    """`recsys serve`: where it listens, and how much one caller may ask for."""

    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 is every network the machine is in."""
    port: int = Field(default=8000, ge=0, le=65535)
    """Port to listen on; 0 picks a free one."""
    workers: PositiveInt = 1
    """Processes that answer; they share the artifacts' memory."""
    threads: PositiveInt = 2
    """Threads per process for answers that take more than a few milliseconds."""
    reload_every: NonNegativeFloat = 1.0
    """Seconds between looks for newly built artifacts; 0 never looks."""
    concurrency: PositiveInt = 128
    """Requests that a process works on at a time; more are told to come back (503)."""
    encoder_queue: PositiveInt = 8
    """Texts and pictures that may wait for the encoders, per process; more are told likewise."""
    timeout_seconds: PositiveFloat = 10.0
    """Time that a request may take, encoders left aside."""
    encoder_timeout_seconds: PositiveFloat = 60.0
    """Time that a request to the encoders may take; the first one loads their weights."""
    max_k: PositiveInt = 500
    """Longest list that may be asked for."""
    body_bytes: PositiveInt = 1 << 20
    """Largest body of a request other than a picture."""
    image_bytes: PositiveInt = 10 << 20
    """Largest picture, as a file."""
    image_pixels: PositiveInt = 40_000_000
    """Largest picture, once decoded: width times height."""
    header_bytes: int = Field(default=64 << 10, ge=1 << 10)
    """Largest request line and headers together (431)."""
    header_timeout_seconds: PositiveFloat = 10.0
    """Time until request line and headers must be there, from the first byte of them or, for a
    new connection, from its beginning (408)."""
    body_timeout_seconds: PositiveFloat = 20.0
    """Time in which a body must end or go on at 16 KiB a second (408). For as long a caller may
    take nothing of an answer, and goes on being read after a refusal."""
    connections: PositiveInt = 800
    """Open connections per process; beyond it, those that wait longest for a request make room."""
    allowed_hosts: list[str] = []
    """Names that callers may use for the server (Host), and * is any. None named: localhost and
    loopback addresses alone where the server listens on one of those and asks for no key; else
    any."""
    cors: list[str] = []
    """Origins whose pages may call; none by default, and * is any."""
    log_lists: bool = False
    """Whether lists go to the log of live events, for `recsys events report`."""
    split: dict[str, PositiveInt] = Field(
        default_factory=dict, examples=[{"hybrid": 90, "transitions": 10}]
    )
    """Parts of the users that strategies answer where none is asked for; a user stays with one.
    A dataset that lacks one of them answers as without."""
    evaluations: str = "eval"
    """Folder where `recsys eval` leaves its results for GET /eval, relative to the workspace."""


class LiveConfig(Section):
    """Events that arrive while serving (`recsys events`, POST /events)."""

    enabled: bool = True
    """Whether events are taken, and answers look at them."""
    url: str | None = Field(default=None, examples=["postgresql://recsys@db.example/shop"])
    """PostgreSQL database that keeps them, where several machines serve; PGPASSWORD in the
    environment or ~/.pgpass may hold its password. Unset: live/events.sqlite in the workspace."""
    merge: bool = False
    """Whether an ingest takes them in, behind the shop's own files. Otherwise those are the truth,
    and events after their last one are used in answers alone."""
    most: PositiveInt = 10_000_000
    """Events that may be kept; more are refused (503) until old ones are dropped."""
    keep_days: PositiveInt | None = Field(default=None, examples=[90])
    """Age in days at which events are dropped, with the first that arrive on a day; unset, only
    `recsys events drop` drops any."""


class Config(Section):
    """What of recsys.toml is no strategy's; `assembly.FullConfig` has their sections too."""

    threads: int = Field(default=0, ge=0)
    """Threads for training and batch scoring; 0 means all cores."""
    datasets: dict[str, DatasetConfig] = Field(default_factory=dict)
    """The data sources by name; names are lower-case letters, digits and underscores."""
    interactions: InteractionsConfig = InteractionsConfig()
    """How events become weighted interactions."""
    spark: SparkConfig = SparkConfig()
    """ALS training on Spark."""
    text: TextConfig = TextConfig()
    """Embedding texts."""
    image: ImageConfig = ImageConfig()
    """Embedding pictures."""
    recommend: RecommendConfig = RecommendConfig()
    """Defaults of recommending."""
    rules: RulesConfig = RulesConfig()
    """What is decided of every list."""
    eval: EvalConfig = EvalConfig()
    """Defaults of evaluation."""
    serve: ServeConfig = ServeConfig()
    """The HTTP server."""
    live: LiveConfig = LiveConfig()
    """Events that arrive while serving."""
