"""The models behind recsys.toml. Unknown keys are errors; every field says what it does."""

from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)

Kind = Literal["hm", "retailrocket", "generic"]
Backend = Literal["auto", "cpu", "gpu", "spark"]
Precision = Literal["auto", "fp32", "bf16"]


class Section(BaseModel):
    """Base of every section: unknown keys are refused, values are read-only once loaded."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class ColumnsConfig(Section):
    """Names of the raw events columns of a generic dataset; unset ones are guessed."""

    user: str | None = None
    """Column holding the user id."""
    item: str | None = None
    """Column holding the item id."""
    time: str | None = None
    """Column holding the time: ISO dates, or epochs in s, ms or µs (told apart by size)."""
    event: str | None = None
    """Column holding the kind of event, such as view or purchase."""
    value: str | None = None
    """Column holding a number, such as a rating, a price or a quantity."""


class DatasetConfig(Section):
    """One data source: where its raw files are and how to read them."""

    kind: Kind
    """Which adapter reads the files: hm, retailrocket or generic."""
    path: str
    """Folder of the raw files, relative to the workspace."""
    source: str | None = None
    """Short tag kept beside each item id; by default the dataset's name."""
    events: str | None = None
    """generic: events file within `path`; by default the only file that looks like one."""
    items: str | None = None
    """generic: items file within `path`, optional."""
    users: str | None = None
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
    horizon_days: PositiveInt | None = None
    """Length of the test window in days; default from the kind."""
    truth_events: list[str] | None = None
    """Kinds of event that count as a hit in evaluation; by default all."""
    separator: str | None = None
    """Field separator of the raw text files; by default sniffed from the header."""
    interactions: dict[str, Any] = Field(default_factory=dict)
    """Overrides of [interactions] for this dataset."""
    als: dict[str, Any] = Field(default_factory=dict)
    """Overrides of [als] for this dataset."""
    popular: dict[str, Any] = Field(default_factory=dict)
    """Overrides of [popular] for this dataset."""
    itemknn: dict[str, Any] = Field(default_factory=dict)
    """Overrides of [itemknn] for this dataset."""
    graph: dict[str, Any] = Field(default_factory=dict)
    """Overrides of [graph] for this dataset."""
    text: dict[str, Any] = Field(default_factory=dict)
    """Overrides of [text] for this dataset."""
    image: dict[str, Any] = Field(default_factory=dict)
    """Overrides of [image] for this dataset."""
    content: dict[str, Any] = Field(default_factory=dict)
    """Overrides of [content] for this dataset."""
    index: dict[str, Any] = Field(default_factory=dict)
    """Overrides of [index] for this dataset."""
    hybrid: dict[str, Any] = Field(default_factory=dict)
    """Overrides of [hybrid] for this dataset."""
    twotower: dict[str, Any] = Field(default_factory=dict)
    """Overrides of [twotower] for this dataset."""


class InteractionsConfig(Section):
    """How events become one weighted row per user and item (`recsys als export`)."""

    half_life_days: PositiveFloat | None = None
    """Age at which an event counts half; unset means that age does not matter."""
    max_weight: PositiveFloat | None = None
    """Cap on the summed weight of one user and item; unset means no cap."""


class AlsConfig(Section):
    """Alternating least squares on implicit feedback (Hu, Koren and Volinsky 2008)."""

    factors: PositiveInt = 64
    """Dimension of the user and item factors."""
    iterations: PositiveInt = 15
    """Alternations between solving for users and for items."""
    regularization: NonNegativeFloat = 30.0
    """L2 penalty on the factors; Spark has its own, spark.regularization."""
    alpha: PositiveFloat = 10.0
    """Confidence c = 1 + alpha · weight of an observed pair."""
    backend: Backend = "auto"
    """cpu, gpu, or auto: the GPU where `implicit` was built for it and a device works; or spark."""
    seed: int = 42
    """Seed of the initial factors."""


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


class PopularConfig(Section):
    """Popularity in a recent window, decayed by age."""

    window_days: PositiveInt = 28
    """Only events this recent count."""
    half_life_days: PositiveFloat = 7.0
    """Age at which an event counts half."""
    segment_prior: NonNegativeFloat = 50.0
    """Events' worth of the overall list blended into each segment's own (shrinkage)."""


class ItemKnnConfig(Section):
    """Item-to-item neighbours from who had both (Sarwar et al. 2001)."""

    similarity: Literal["cosine", "tfidf", "bm25"] = "tfidf"
    """How two items are compared: cosine of their users, with users weighed by TF-IDF or BM25."""
    neighbours: PositiveInt = 100
    """Most similar items kept for each item."""
    half_life_days: PositiveFloat = 90.0
    """Age at which an item of a user's history counts half."""


class GraphConfig(Section):
    """Filters of the graph of users and items, GF-CF (Shen et al. 2021)."""

    vectors: PositiveInt = 256
    """Leading singular vectors of the normalised interactions: the low-pass filter."""
    alpha: NonNegativeFloat = 0.3
    """Weight of the low-pass filter beside the links between items."""
    neighbours: PositiveInt = 200
    """Strongest links kept for each item."""
    half_life_days: PositiveFloat = 90.0
    """Age at which an item of a user's history counts half."""
    seed: int = 42
    """Seed of the randomised singular value decomposition."""


class TextConfig(Section):
    """How items' texts become vectors (`recsys embed text`)."""

    encoder: str | None = Field(
        default=None, examples=["sentence-transformers:all-MiniLM-L6-v2", "lsa"]
    )
    """sentence-transformers:NAME-OR-FOLDER (a model of the Hugging Face hub or a local folder),
    or lsa, which is fitted on the catalogue and needs no download. Unset: texts play no role."""
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
    dtype: Precision = "auto"
    """As text.dtype."""
    device: str = "auto"
    """As text.device."""
    workers: int = Field(default=0, ge=0)
    """Processes that decode pictures ahead of the model; 0 means as many as threads."""


class ContentConfig(Section):
    """How texts and pictures become vectors of items, and those vectors of users."""

    text_weight: NonNegativeFloat = 0.5
    """How much texts count beside pictures; only the ratio of the two weights matters."""
    image_weight: NonNegativeFloat = 0.5
    """How much pictures count beside texts."""
    half_life_days: PositiveFloat = 180.0
    """Age at which an item counts half in the vector of a user who had it."""
    availability_half_life_days: PositiveFloat = 14.0
    """Days without a sale after which an item counts as half available."""
    new_days: PositiveFloat = 90.0
    """How far back to look for how many items start to sell, for items that never sold yet."""
    availability_weight: NonNegativeFloat = 0.2
    """What full availability adds to the score of an item, whose cosine is at most 1."""


class IndexConfig(Section):
    """The FAISS indexes over item vectors (`recsys index`)."""

    kind: Literal["auto", "exact", "pq", "ivf"] = "auto"
    """exact, pq, ivf, or auto: exact while that is fast, pq beyond."""
    min_recall: float = Field(default=0.999, ge=0, le=1)
    """Recall against exact search below which an approximate index gives way to an exact one."""


class HybridConfig(Section):
    """Candidates from several sources, ordered by a learned ranker or by a blend of scores."""

    enabled: Literal["auto"] | bool = "auto"
    """Whether to train the ranker; auto: where LightGBM is installed. Without it, the blend."""
    candidates: dict[str, NonNegativeInt] = {
        "repurchase": 30, "popular": 30, "collab": 30, "itemknn": 50, "graph": 50,
        "variants": 20, "content": 30, "twotower": 80,
    }  # fmt: skip
    """How many items each source of candidates brings for a user; 0 leaves it out."""
    weights: dict[str, NonNegativeFloat] = {"content": 0.4, "collab": 0.4, "twotower": 0.2}
    """Weights of the blend; renormalised over those that have a score for user and item."""
    windows: int = Field(default=3, ge=1, le=8)
    """Test windows that the ranker learns from, besides the latest, which stops its training.
    For each, the models that candidates come from are trained at an earlier snapshot."""
    users_per_window: PositiveInt = 50_000
    """Users sampled from each window that the ranker learns from."""
    rounds: PositiveInt = 300
    """Most trees; training stops earlier when a later window no longer gains."""
    patience: PositiveInt = 100
    """Trees without a gain on the later window after which training stops."""
    learning_rate: PositiveFloat = 0.05
    """Weight of each tree."""
    leaves: int = Field(default=7, ge=2)
    """Leaves of a tree."""
    min_in_leaf: PositiveInt = 100
    """Least candidates in a leaf."""
    feature_fraction: float = Field(default=0.4, gt=0, le=1)
    """Share of the features that each tree looks at."""
    l2: NonNegativeFloat = 10.0
    """L2 penalty on the values of leaves."""
    truncation: PositiveInt = 20
    """Ranks from the top whose order LambdaRank cares about."""
    refit: bool = True
    """Train once more on all windows, the later one too, for as many trees."""
    seed: int = 42
    """Seed of the sample of users and of features."""


class TwoTowerConfig(Section):
    """Two towers fine-tuned from ALS factors (`recsys twotower train`)."""

    enabled: bool | Literal["auto"] = "auto"
    """Whether `recsys build all` trains it; auto: where torch is installed."""
    init_from: str | None = None
    """Weights of another dataset to start from, a two_tower_*.pt relative to the workspace."""
    folds: int = Field(default=3, ge=2)
    """Parts of the users; each one's pairs are seen through factors of the others' events."""
    max_pairs: PositiveInt = 5_000_000
    """Training pairs at most; the latest are taken."""
    content_dim: PositiveInt = 64
    """Dimensions that the items' content vectors are reduced to."""
    half_life_days: PositiveFloat = 30.0
    """Age at which an item counts half in its user's taste for content."""
    last_items: PositiveInt = 5
    """How many of a user's last items count as what they look for now."""
    max_codes: PositiveInt = 1000
    """Values of a column that are told apart; rarer ones count as unknown."""
    hidden: PositiveInt = 64
    """Width of each tower's hidden layer."""
    extra: PositiveInt = 16
    """Dimensions, besides those of the factors, in which the hidden layers meet."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of the hidden layers' inputs dropped in training."""
    factor_dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of users and items that lose their factors in training, to learn to do without."""
    epochs: PositiveInt = 3
    """Passes over the pairs at most."""
    batch_size: PositiveInt = 512
    """Pairs in a batch, whose items are each other's negatives."""
    uniform_negatives: PositiveInt = 512
    """Items drawn uniformly for each batch, as further negatives."""
    learning_rate: PositiveFloat = 0.001
    """Highest learning rate of AdamW; the few gains and the temperature learn at three times it."""
    weight_decay: NonNegativeFloat = 0.01
    """Decay of AdamW."""
    warmup_steps: PositiveInt = 100
    """Steps until the learning rate is reached, a tenth of all steps at most."""
    clip: PositiveFloat = 1.0
    """Largest norm of the gradient."""
    checks_per_epoch: PositiveInt = 2
    """How often in an epoch the lists for the validation window are measured."""
    validation_users: PositiveInt = 20_000
    """Users at most that a check makes lists for."""
    patience: PositiveInt = 6
    """Checks without anything better after which training ends."""
    checkpoint_steps: PositiveInt = 500
    """Steps between checkpoints, which a killed training goes on from."""
    device: str = "auto"
    """Where it trains: cpu, cuda, …; auto is the GPU where there is one."""
    seed: int = 42
    """Seed of everything random."""


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
    protocol: Literal["temporal", "leave-last-out"] = "temporal"
    """How the test events are split off."""
    resamples: PositiveInt = 1000
    """Bootstrap resamples behind the 95% intervals."""
    seed: int = 42
    """Seed of the bootstrap, and of the users that the report shows."""
    windows: PositiveInt = 1
    """Test windows of the temporal protocol, the last of which ends with the last event."""
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
    evaluations: str = "eval"
    """Folder with files of `recsys eval --json`, relative to the workspace, for GET /eval."""


class Config(Section):
    """The whole of recsys.toml."""

    threads: int = Field(default=0, ge=0)
    """Threads for training and batch scoring; 0 means all cores."""
    datasets: dict[str, DatasetConfig] = Field(default_factory=dict)
    """The data sources by name; names are lower-case letters, digits and underscores."""
    interactions: InteractionsConfig = InteractionsConfig()
    """How events become weighted interactions."""
    als: AlsConfig = AlsConfig()
    """ALS training."""
    spark: SparkConfig = SparkConfig()
    """ALS training on Spark."""
    popular: PopularConfig = PopularConfig()
    """Popularity lists."""
    itemknn: ItemKnnConfig = ItemKnnConfig()
    """Item-to-item neighbours."""
    graph: GraphConfig = GraphConfig()
    """Filters of the graph of users and items."""
    text: TextConfig = TextConfig()
    """Embedding texts."""
    image: ImageConfig = ImageConfig()
    """Embedding pictures."""
    content: ContentConfig = ContentConfig()
    """Item and user vectors from texts and pictures."""
    index: IndexConfig = IndexConfig()
    """Item indexes."""
    hybrid: HybridConfig = HybridConfig()
    """Candidates, blend and ranker."""
    twotower: TwoTowerConfig = TwoTowerConfig()
    """Two towers fine-tuned from ALS."""
    recommend: RecommendConfig = RecommendConfig()
    """Defaults of recommending."""
    eval: EvalConfig = EvalConfig()
    """Defaults of evaluation."""
    serve: ServeConfig = ServeConfig()
    """The HTTP server."""
