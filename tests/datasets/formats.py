"""Miniatures of public exports: the same 600 events, written as each of them writes its own."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

USERS, ITEMS = 40, 30
START = datetime(2021, 3, 4, 5, 6, 7, tzinfo=UTC)


@dataclass(frozen=True)
class Event:
    number: int
    user: int
    item: int
    time: datetime

    @property
    def rating(self) -> int:
        return 1 + (self.user + self.item) % 5

    @property
    def seconds(self) -> int:
        return int(self.time.timestamp())


EVENTS = [
    Event(
        n,
        (n * 7 + n // 40) % USERS,
        (n * n + 3 * n + n // 30) % ITEMS,
        START + n * timedelta(hours=5),
    )
    for n in range(600)
]
SEEN = {event.user for event in EVENTS}, {event.item for event in EVENTS}


@dataclass(frozen=True)
class Format:
    """An export.

    Attributes:
        write: writes its files.
        time: a moment as its events have it, to the second or the day; None without times.
        catalogue: whether all items come with it.
        seen: how many users and items its events have.
        settings: what `init` has to find out, besides files and columns.
    """

    write: Callable[[Path], None]
    time: Callable[[Event], str] | None = lambda event: f"{event.time:%Y-%m-%dT%H:%M:%S}"
    seen: tuple[int, int] = (len(SEEN[0]), len(SEEN[1]))
    settings: dict[str, Any] | None = None


def rows(
    folder: Path,
    name: str,
    lines: Sequence[Sequence[object]],
    header: Sequence[str] = (),
    *,
    separator: str = ",",
    encoding: str = "utf-8",
    quoting: Any = csv.QUOTE_MINIMAL,
) -> None:
    out = io.StringIO()
    if len(separator) > 1:
        out.writelines(separator.join(map(str, line)) + "\n" for line in lines)
    else:
        writer = csv.writer(out, delimiter=separator, lineterminator="\n", quoting=quoting)
        writer.writerows([header, *lines] if header else lines)
    (folder / name).write_text(out.getvalue(), encoding=encoding)


def json_lines(folder: Path, name: str, records: Sequence[dict[str, Any]]) -> None:
    (folder / name).write_text("".join(json.dumps(record) + "\n" for record in records))


def day(event: Event) -> str:
    return f"{event.time:%Y-%m-%dT00:00:00}"


def minute(event: Event) -> str:
    return f"{event.time:%Y-%m-%dT%H:%M:00}"


def asin(item: int) -> str:
    return f"B00{item:07d}"


def movielens_dat(folder: Path) -> None:
    rows(
        folder,
        "ratings.dat",
        [(e.user + 1, e.item + 1, e.rating, e.seconds) for e in EVENTS],
        separator="::",
    )
    films = [
        (i + 1, f"Film {i + 1}, The ({1950 + i})", "Drama|Comedy" if i % 2 else "War")
        for i in range(ITEMS)
    ]
    rows(folder, "movies.dat", films, separator="::", encoding="latin-1")


def movielens_csv(folder: Path) -> None:
    rows(folder, "ratings.csv", [(e.user, e.item, e.rating, e.seconds) for e in EVENTS],
         ("userId", "movieId", "rating", "timestamp"))  # fmt: skip
    rows(folder, "movies.csv", [(i, f"Film {i}, The", "Drama") for i in range(ITEMS)],
         ("movieId", "title", "genres"))  # fmt: skip
    rows(folder, "tags.csv", [(e.user, e.item, "good", e.seconds) for e in EVENTS[:50]],
         ("userId", "movieId", "tag", "timestamp"))  # fmt: skip


def amazon_2014_csv(folder: Path) -> None:
    rows(
        folder,
        "ratings_Toys.csv",
        [(f"A{e.user:012d}", asin(e.item), f"{e.rating}.0", e.seconds) for e in EVENTS],
    )


def amazon_2014_json(folder: Path) -> None:
    json_lines(folder, "reviews_Toys_5.json", [
        {"reviewerID": f"A{e.user:012d}", "asin": asin(e.item), "helpful": [0, 1], "reviewText": "fine",
         "overall": float(e.rating), "unixReviewTime": e.seconds, "reviewTime": f"{e.time:%m %d, %Y}"}
        for e in EVENTS
    ])  # fmt: skip


def amazon_2018_csv(folder: Path) -> None:
    rows(
        folder,
        "All_Beauty.csv",
        [(asin(e.item), f"A{e.user:012d}", f"{e.rating}.0", e.seconds) for e in EVENTS],
    )


def amazon_2023(folder: Path) -> None:
    rows(folder, "All_Beauty.csv",
         [(f"AE{e.user:026d}", asin(e.item), f"{e.rating}.0", e.seconds * 1000) for e in EVENTS],
         ("user_id", "parent_asin", "rating", "timestamp"))  # fmt: skip


def amazon_2023_json(folder: Path) -> None:
    json_lines(folder, "All_Beauty.jsonl", [
        {"rating": float(e.rating), "title": "ok", "text": "it is fine", "images": [], "asin": asin(e.item),
         "parent_asin": asin(e.item), "user_id": f"AE{e.user:026d}", "timestamp": e.seconds * 1000,
         "helpful_vote": 0, "verified_purchase": True}
        for e in EVENTS
    ])  # fmt: skip
    json_lines(folder, "meta_All_Beauty.jsonl", [
        {"main_category": "All Beauty", "title": f"Soap {i}", "average_rating": 4.5, "price": None,
         "images": [{"thumb": "https://x/y.jpg", "large": "https://x/z.jpg"}], "store": f"Shop {i % 3}",
         "details": {"Brand": "Us"}, "parent_asin": asin(i)}
        for i in range(ITEMS)
    ])  # fmt: skip


def online_retail(folder: Path) -> None:
    lines = [
        (536000 + e.number // 3, f"{22000 + e.item}", f"THING {e.item}", 1 + e.number % 6,
         f"{e.time.month}/{e.time.day}/{e.time.year} {e.time.hour}:{e.time:%M}", "2.55",
         f"{17000 + e.user}", "United Kingdom")
        for e in EVENTS
    ]  # fmt: skip
    guests = [(*line[:6], "", line[7]) for line in lines[::5]]
    returned = [(f"C{line[0]}", *line[1:3], -1, *line[4:]) for line in lines[10:19]]
    header = (
        "InvoiceNo",
        "StockCode",
        "Description",
        "Quantity",
        "InvoiceDate",
        "UnitPrice",
        "CustomerID",
        "Country",
    )
    rows(folder, "Online Retail.csv", [*lines, *guests, *returned], header, encoding="latin-1")


def instacart(folder: Path) -> None:
    rows(folder, "orders.csv",
         [(e.number, e.user, "prior", 1 + e.number // 40, e.number % 7, "08", "7.0") for e in EVENTS],
         ("order_id", "user_id", "eval_set", "order_number", "order_dow", "order_hour_of_day", "days_since_prior_order"))  # fmt: skip
    rows(folder, "order_products__prior.csv", [(e.number, e.item, 1, 0) for e in EVENTS],
         ("order_id", "product_id", "add_to_cart_order", "reordered"))  # fmt: skip
    rows(folder, "products.csv", [(i, f"Thing {i}", 1 + i % 3, 1 + i % 2) for i in range(ITEMS)],
         ("product_id", "product_name", "aisle_id", "department_id"))  # fmt: skip
    rows(folder, "aisles.csv", [(1, "fruit"), (2, "bread"), (3, "tea")], ("aisle_id", "aisle"))


def olist(folder: Path) -> None:
    rows(folder, "olist_orders_dataset.csv",
         [(f"o{e.number}", f"c{e.number}", "delivered", f"{e.time:%Y-%m-%d %H:%M:%S}", f"{e.time:%Y-%m-%d %H:%M:%S}") for e in EVENTS],
         ("order_id", "customer_id", "order_status", "order_purchase_timestamp", "order_approved_at"))  # fmt: skip
    rows(folder, "olist_order_items_dataset.csv", [(f"o{e.number}", 1, f"p{e.item}", f"s{e.item % 4}", "9.90", "1.00") for e in EVENTS],
         ("order_id", "order_item_id", "product_id", "seller_id", "price", "freight_value"))  # fmt: skip
    rows(folder, "olist_customers_dataset.csv", [(f"c{e.number}", f"u{e.user}", "14409", "franca", "SP") for e in EVENTS],
         ("customer_id", "customer_unique_id", "customer_zip_code_prefix", "customer_city", "customer_state"))  # fmt: skip
    rows(folder, "olist_products_dataset.csv", [(f"p{i}", f"cat {i % 4}", 40, 287) for i in range(ITEMS)],
         ("product_id", "product_category_name", "product_name_lenght", "product_weight_g"))  # fmt: skip


def retailrocket_events(folder: Path) -> None:
    rows(folder, "events.csv", [(e.seconds * 1000, e.user, "view" if e.number % 3 else "addtocart", e.item, "") for e in EVENTS],
         ("timestamp", "visitorid", "event", "itemid", "transactionid"))  # fmt: skip


def yoochoose(folder: Path) -> None:
    rows(
        folder,
        "yoochoose-clicks.dat",
        [(e.user + 1, f"{e.time:%Y-%m-%dT%H:%M:%S}.277Z", 214536500 + e.item, 0) for e in EVENTS],
    )


def diginetica(folder: Path) -> None:
    rows(folder, "train-item-views.csv", [(e.number // 15, "NA", 81720 + e.item, e.number % 900 * 1000, f"{e.time:%Y-%m-%d}") for e in EVENTS],
         ("sessionId", "userId", "itemId", "timeframe", "eventdate"), separator=";")  # fmt: skip


def lastfm_360k(folder: Path) -> None:
    rows(folder, "usersha1-artmbid-artname-plays.tsv",
         [(f"{e.user:040x}", f"{e.item:08x}-aaaa-bbbb", f"The Band {e.item}", 1 + e.number % 300) for e in EVENTS], separator="\t")  # fmt: skip


def steam(folder: Path) -> None:
    rows(
        folder,
        "steam-200k.csv",
        [
            (
                151600000 + e.user,
                f"Game {e.item}, Part",
                "play" if e.number % 2 else "purchase",
                f"{e.number % 50 / 10 + 0.1:.1f}",
                0,
            )
            for e in EVENTS
        ],
    )


def book_crossing(folder: Path) -> None:
    every = {"separator": ";", "encoding": "latin-1", "quoting": csv.QUOTE_ALL}
    rows(
        folder,
        "BX-Book-Ratings.csv",
        [(276700 + e.user, f"{e.item:09d}X", e.rating * 2) for e in EVENTS],
        ("User-ID", "ISBN", "Book-Rating"),
        **every,
    )
    rows(
        folder,
        "BX-Books.csv",
        [(f"{i:09d}X", f"Les misérables {i}", "Hugo", 1999) for i in range(ITEMS)],
        ("ISBN", "Book-Title", "Book-Author", "Year-Of-Publication"),
        **every,
    )
    rows(
        folder,
        "BX-Users.csv",
        [(276700 + u, "nyc, usa", "30") for u in range(USERS)],
        ("User-ID", "Location", "Age"),
        **every,
    )


def goodbooks(folder: Path) -> None:
    rows(
        folder,
        "ratings.csv",
        [(e.user, e.item, e.rating) for e in EVENTS],
        ("user_id", "book_id", "rating"),
    )
    rows(
        folder,
        "books.csv",
        [(i, 9000 + i, f"Writer {i}", f"Book {i}", "en") for i in range(ITEMS)],
        ("book_id", "goodreads_book_id", "authors", "title", "language_code"),
    )
    rows(folder, "to_read.csv", [(e.user, e.item) for e in EVENTS[:90]], ("user_id", "book_id"))


def kuairand(folder: Path) -> None:
    rows(folder, "log_standard_4_08_to_4_21_pure.csv",
         [(e.user, e.item, f"{e.time:%Y%m%d}", f"{e.time:%H}00", e.seconds * 1000, e.number % 2, 0, 0) for e in EVENTS],
         ("user_id", "video_id", "date", "hourmin", "time_ms", "is_click", "is_like", "is_follow"))  # fmt: skip


def taobao(folder: Path) -> None:
    rows(
        folder,
        "UserBehavior.csv",
        [
            (
                1 + e.user,
                2268300 + e.item,
                2520370 + e.item % 5,
                "buy" if e.number % 9 == 0 else "pv",
                e.seconds,
            )
            for e in EVENTS
        ],
    )


def ta_feng(folder: Path) -> None:
    rows(folder, "ta_feng_all_months_merged.csv",
         [(f"{e.time.month}/{e.time.day}/{e.time.year}", f"{1104900 + e.user:08d}", "45-49", "115", 110411, f"{4710199010000 + e.item}", 2, 24, 30) for e in EVENTS],
         ("TRANSACTION_DT", "CUSTOMER_ID", "AGE_GROUP", "PIN_CODE", "PRODUCT_SUBCLASS", "PRODUCT_ID", "AMOUNT", "ASSET", "SALES_PRICE"))  # fmt: skip


def shopify(folder: Path) -> None:
    rows(folder, "orders_export_1.csv",
         [(f"#{1000 + e.number}", f"user{e.user}@example.com", "paid", f"{e.time:%Y-%m-%d %H:%M:%S} +0000", f"{e.time:%Y-%m-%d %H:%M:%S} +0000", 1, f"Mug {e.item}", "12.50", f"MUG-{e.item}") for e in EVENTS],
         ("Name", "Email", "Financial Status", "Paid at", "Created at", "Lineitem quantity", "Lineitem name", "Lineitem price", "Lineitem sku"))  # fmt: skip


def woocommerce(folder: Path) -> None:
    rows(folder, "orders-2021.csv",
         [(1000 + e.number, "wc-completed", f"{e.time:%Y-%m-%d %H:%M}", f"user{e.user}@example.com", f"SKU{e.item}", f"Mug {e.item}", 1, "12.50") for e in EVENTS],
         ("Order Number", "Order Status", "Order Date", "Email (Billing)", "SKU", "Item Name", "Quantity (- Refund)", "Item Cost"))  # fmt: skip


def ga4(folder: Path) -> None:
    json_lines(folder, "events_20210304.json", [
        {"event_date": f"{e.time:%Y%m%d}", "event_timestamp": str(e.seconds * 1_000_000), "event_name": "purchase" if e.number % 4 == 0 else "view_item",
         "event_params": [{"key": "page", "value": {"string_value": "x"}}], "user_pseudo_id": f"{e.user}.5",
         "device": {"category": "mobile"}, "items": [{"item_id": f"SKU{e.item}", "item_name": f"Mug {e.item}", "price": 9.5}]}
        for e in EVENTS
    ] + [{"event_date": "20210304", "event_timestamp": str(START.timestamp() * 1e6), "event_name": "page_view", "user_pseudo_id": "1.5", "items": []}] * 90)  # fmt: skip


def segment(folder: Path) -> None:
    json_lines(folder, "events.jsonl", [
        {"messageId": f"m{e.number}", "type": "track", "event": "Order Completed" if e.number % 5 == 0 else "Product Viewed",
         "userId": f"u{e.user}", "anonymousId": f"a{e.user}", "timestamp": f"{e.time:%Y-%m-%dT%H:%M:%S}.000Z",
         "properties": {"product_id": f"p{e.item}", "name": f"Mug {e.item}", "price": 9.5}}
        for e in EVENTS
    ])  # fmt: skip


def netflix(folder: Path) -> None:
    lines = []
    for item in sorted(SEEN[1]):
        lines.append(f"{item + 1}:")
        lines += [
            f"{1488844 + e.user},{e.rating},{e.time:%Y-%m-%d}" for e in EVENTS if e.item == item
        ]
    (folder / "combined_data_1.txt").write_text("\n".join(lines) + "\n")


def mind(folder: Path) -> None:
    def news(item: int) -> str:
        return f"N{55000 + item}"

    def clock(event: Event) -> str:
        time = event.time
        return f"{time.month}/{time.day}/{time.year} {time.hour % 12 or 12}:{time:%M:%S %p}"

    entities = '[{"Label": "Adidas", "Type": "O", "WikidataId": "Q3895"}]'
    rows(folder, "behaviors.tsv",
         [(e.number + 1, f"U{13740 + e.user}", clock(e), " ".join(news((e.user + n) % ITEMS) for n in range(e.user % 6)),
           " ".join(f"{news((e.item + n) % ITEMS)}-{int(n == 0)}" for n in range(1 + e.number % 4)))
          for e in EVENTS], separator="\t")  # fmt: skip
    lines = [(news(i), "news", "newsus", f"The story of {i}", f'It was "told" {i}', f"https://x/{i}", entities, "[]")
             for i in range(ITEMS)]  # fmt: skip
    (folder / "news.tsv").write_text("".join("\t".join(line) + "\n" for line in lines))


def german_orders(folder: Path) -> None:
    rows(folder, "bestellungen.csv",
         [(e.number, f"{e.time:%d.%m.%Y}", f"{e.time:%H:%M:%S}", f"kunde{e.user}@example.de", f"A-{e.item:03d}", 1, f"{e.item},90 €") for e in EVENTS],
         ("Bestellnummer", "Bestelldatum", "Uhrzeit", "E-Mail", "Artikelnummer", "Menge", "Preis"), separator=";", encoding="cp1252")  # fmt: skip


def brazilian_orders(folder: Path) -> None:
    rows(folder, "pedidos.csv",
         [(e.number, f"c{e.user}", f"p{e.item}", f"{e.time:%d/%m/%Y}", f"{e.time:%H:%M}", f"{e.item},90") for e in EVENTS],
         ("pedido", "cliente", "produto", "data", "hora", "valor"), separator=";")  # fmt: skip


def us_invoices(folder: Path) -> None:
    rows(folder, "invoices.csv",
         [(e.number, f"{17000 + e.user}", f"{22000 + e.item}", f"{e.time:%m/%d/%Y}", f"{e.time:%I:%M:%S %p}", f"{e.time:%m/%d/%Y}") for e in EVENTS],
         ("InvoiceNo", "CustomerID", "StockCode", "InvoiceDate", "InvoiceTime", "ShipDate"))  # fmt: skip


def months(folder: Path) -> None:
    rows(folder, "monthly.csv", [(e.user, e.item, f"{e.time:%Y-%m}", 1) for e in EVENTS],
         ("user_id", "item_id", "month", "purchases"))  # fmt: skip


def magento_db(folder: Path) -> None:
    rows(folder, "sales_order.csv", [(e.number, f"{100000000 + e.number}", e.user + 1, f"c{e.user}@x.com", f"{e.time:%Y-%m-%d %H:%M:%S}", f"{e.time:%Y-%m-%d %H:%M:%S}", "complete") for e in EVENTS], ("entity_id", "increment_id", "customer_id", "customer_email", "created_at", "updated_at", "status"))  # fmt: skip
    rows(folder, "sales_order_item.csv", [(e.number + 5000, e.number, e.item + 1, f"24-MB{e.item:02d}", f"Bag {e.item}", "1.0000", "34.0000", f"{e.time:%Y-%m-%d %H:%M:%S}") for e in EVENTS], ("item_id", "order_id", "product_id", "sku", "name", "qty_ordered", "price", "created_at"))  # fmt: skip


def prestashop(folder: Path) -> None:
    rows(folder, "ps_orders.csv", [(e.number, f"REF{e.number}", e.user, e.number + 9, 5, f"{e.time:%Y-%m-%d %H:%M:%S}") for e in EVENTS], ("id_order", "reference", "id_customer", "id_cart", "current_state", "date_add"), separator=";")  # fmt: skip
    rows(folder, "ps_order_detail.csv", [(e.number + 7, e.number, e.item, 0, f"Mug {e.item}", 1, "9.900000") for e in EVENTS], ("id_order_detail", "id_order", "product_id", "product_attribute_id", "product_name", "product_quantity", "product_price"), separator=";")  # fmt: skip


def amazon_seller(folder: Path) -> None:
    rows(
        folder,
        "amazon_orders.txt",
        [(f"026-{e.number:07d}-1234567", f"026-{e.number:07d}-1234567", f"{e.time:%Y-%m-%dT%H:%M:%S+00:00}", f"{e.time:%Y-%m-%dT%H:%M:%S+00:00}", "Shipped", "Amazon", "Amazon.co.uk", f"Mug {e.item}", f"MUG-{e.item}", f"B00{e.item:07d}", 1, "GBP", "9.99", f"buyer{e.user}@marketplace.amazon.co.uk") for e in EVENTS],
        ("amazon-order-id", "merchant-order-id", "purchase-date", "last-updated-date", "order-status", "fulfillment-channel", "sales-channel", "product-name", "sku", "asin", "quantity", "currency", "item-price", "buyer-email"),
        separator="\t",
    )  # fmt: skip


def etsy(folder: Path) -> None:
    rows(
        folder,
        "EtsySoldOrderItems2021.csv",
        [(f"{e.time:%m/%d/%y}", f"Mug {e.item}", f"user{e.user}", 1, "12.50", "", "0.00", "0.00", "0.00", "0.00", "12.50", "USD", f"{90000 + e.number}", f"{70000 + e.item}", f"{e.time:%m/%d/%Y}", f"{e.time:%m/%d/%Y}", f"Jane {e.user}", "") for e in EVENTS],
        ("Sale Date", "Item Name", "Buyer", "Quantity", "Price", "Coupon Code", "Coupon Details", "Discount Amount", "Shipping Discount", "Order Shipping", "Item Total", "Currency", "Transaction ID", "Listing ID", "Date Paid", "Date Shipped", "Ship Name", "Variations"),
    )  # fmt: skip


def square(folder: Path) -> None:
    rows(
        folder,
        "items-2021-03-04-2021-07-07.csv",
        [(f"{e.time:%Y-%m-%d}", f"{e.time:%H:%M:%S}", "UTC", "Coffee", f"Latte {e.item}", "1.0", "Regular", f"SQ{e.item}", "", "$4.50", "$0.00", "$4.50", "$0.40", f"tx{e.number}", f"pay{e.number}", "iPad", "", "", f"CUST{e.user:04d}", f"Jane {e.user}") for e in EVENTS],
        ("Date", "Time", "Time Zone", "Category", "Item", "Qty", "Price Point Name", "SKU", "Modifiers Applied", "Gross Sales", "Discounts", "Net Sales", "Tax", "Transaction ID", "Payment ID", "Device Name", "Notes", "Details", "Customer ID", "Customer Name"),
    )  # fmt: skip


def matomo(folder: Path) -> None:
    json_lines(
        folder,
        "visits.json",
        [
            {"idVisit": str(e.number), "visitorId": f"{e.user:016x}", "serverTimestamp": e.seconds, "serverDatePretty": "Thursday", "actionDetails": [{"type": "ecommerceOrder", "url": "https://x/1", "pageTitle": "x", "itemDetails": [{"itemSKU": f"SKU{e.item}", "itemName": f"Mug {e.item}", "price": 9, "quantity": 1}]}]}
            for e in EVENTS
        ],
    )  # fmt: skip


def otto(folder: Path) -> None:
    json_lines(folder, "train.jsonl", [{"session": u, "events": [{"aid": e.item, "ts": e.seconds * 1000, "type": "clicks" if e.number % 3 else "carts"} for e in EVENTS if e.user == u]} for u in range(USERS)])  # fmt: skip


def foursquare(folder: Path) -> None:
    rows(folder, "dataset_TSMC2014_NYC.txt", [(470 + e.user, f"49bbd6c0f964a520f453{e.item:04x}", "4bf58dd8d48988d127951735", "Arts & Crafts Store", 40.71, -74.002, -240, f"{e.time:%a %b %d %H:%M:%S +0000 %Y}") for e in EVENTS], separator="\t", encoding="latin-1")  # fmt: skip


def yelp(folder: Path) -> None:
    json_lines(folder, "yelp_academic_dataset_review.json", [{"review_id": f"r{e.number}", "user_id": f"u{e.user}", "business_id": f"b{e.item}", "stars": float(e.rating), "useful": 0, "funny": 0, "cool": 0, "text": "fine, really", "date": f"{e.time:%Y-%m-%d %H:%M:%S}"} for e in EVENTS])  # fmt: skip
    json_lines(folder, "yelp_academic_dataset_business.json", [{"business_id": f"b{i}", "name": f"Place {i}", "address": "x", "city": "Phoenix", "state": "AZ", "stars": 4.0, "review_count": 9, "is_open": 1, "attributes": {"WiFi": "free"}, "categories": "Food, Bars", "hours": None} for i in range(ITEMS)])  # fmt: skip
    json_lines(folder, "yelp_academic_dataset_user.json", [{"user_id": f"u{u}", "name": f"Ann {u}", "review_count": 3, "yelping_since": "2012-01-01 00:00:00", "friends": "u1, u2"} for u in range(USERS)])  # fmt: skip


def anime(folder: Path) -> None:
    rows(folder, "rating.csv", [(e.user, e.item, -1 if e.number % 5 == 0 else e.rating * 2) for e in EVENTS], ("user_id", "anime_id", "rating"))  # fmt: skip
    rows(folder, "anime.csv", [(i, f"Anime {i}", "Drama, Romance", "TV", "12", "8.1", 200) for i in range(ITEMS)], ("anime_id", "name", "genre", "type", "episodes", "rating", "members"))  # fmt: skip


def sql_dump(folder: Path) -> None:
    rows(folder, "purchases.csv", [(e.number, e.user if e.number % 7 != 3 else "\\N", e.item, "\\N", f"{e.time:%Y-%m-%d %H:%M:%S}") for e in EVENTS], ("id", "customer_id", "product_id", "coupon", "created_at"))  # fmt: skip


def excel(folder: Path) -> None:
    out = "\ufeffOrder Date;Customer;Product;Qty\r\n" + "".join(f"{e.time:%d.%m.%Y %H:%M};K{e.user};P{e.item};1\r\n" for e in EVENTS)  # fmt: skip
    (folder / "export.csv").write_bytes(out.encode())


def server_log(folder: Path) -> None:
    (folder / "access.log.txt").write_text("".join(f'10.0.0.{e.user} - - [{e.time:%d/%b/%Y:%H:%M:%S} +0000] "GET /product/{e.item} HTTP/1.1" 200 512\n' for e in EVENTS))  # fmt: skip


FORMATS = {
    "MovieLens .dat": Format(movielens_dat, settings={"header": False}),
    "MovieLens .csv": Format(movielens_csv),
    "Amazon 2014, csv": Format(amazon_2014_csv),
    "Amazon 2014, JSON lines": Format(amazon_2014_json),
    "Amazon 2018, csv": Format(amazon_2018_csv),
    "Amazon 2023, csv": Format(amazon_2023),
    "Amazon 2023, JSON lines": Format(amazon_2023_json),
    "UCI Online Retail": Format(
        online_retail, minute, settings={"guests": "drop", "returns": "subtract"}
    ),
    "Instacart": Format(instacart, None),
    "Olist": Format(olist),
    "RetailRocket's events": Format(retailrocket_events),
    "yoochoose": Format(yoochoose),
    "diginetica": Format(diginetica, day, settings={"guests": "session"}),
    "Last.fm 360K": Format(lastfm_360k, None),
    "Steam": Format(steam, None),
    "Book-Crossing": Format(book_crossing, None),
    "Goodbooks": Format(goodbooks, None),
    "KuaiRand": Format(kuairand),
    "Taobao": Format(taobao),
    "Netflix": Format(netflix, day),
    "Ta-Feng": Format(ta_feng, day),
    "Shopify": Format(shopify),
    "WooCommerce": Format(woocommerce, minute),
    "MIND": Format(mind, settings={"keep": ["column_5.mark=1"], "items": "news.tsv"}),
    "Date and time in two columns, German": Format(german_orders),
    "Date and time in two columns, Brazilian": Format(brazilian_orders, minute),
    "Date and time in two columns, US": Format(us_invoices),
    "Months": Format(months, lambda event: f"{event.time:%Y-%m}-01T00:00:00"),
    "Magento's tables": Format(magento_db),
    "PrestaShop's tables": Format(prestashop),
    "Amazon seller's report": Format(amazon_seller),
    "Etsy": Format(etsy, day),
    "Square": Format(square),
    "Matomo": Format(matomo),
    "OTTO": Format(otto),
    "Foursquare": Format(foursquare),
    "Yelp": Format(yelp),
    "Anime": Format(anime, None),
    "A dump of SQL": Format(sql_dump, lambda e: f"{e.time:%Y-%m-%dT%H:%M:%S}"),
    "Excel's CSV": Format(excel, minute),
    "A web server's log": Format(server_log),
    "GA4": Format(ga4),
    "Segment": Format(segment),
}
