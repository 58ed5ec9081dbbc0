"""The tools of AgentDojo's travel suite: a travel agency's catalogue, the traveller's data, and bookings."""

from __future__ import annotations

from typing import Annotated

from typing_extensions import TypedDict

from benchmarks.agentdojo.importing import Declaration
from benchmarks.agentdojo.tools.calendar import CALENDAR
from benchmarks.agentdojo.tools.mail import SEND_MAIL
from licet import Sensitive, Target, Trust, When

Traveller = TypedDict(
    "Traveller",
    {
        "First Name": str,
        "Last Name": str,
        "ID Number": Annotated[str, Sensitive],
        "Email": str,
        "Phone Number": Annotated[str, Sensitive],
        "Address": Annotated[str, Sensitive],
        "Passport Number": Annotated[str, Sensitive],
        "Bank Account Number": Annotated[str, Sensitive],
        "Credit Card Number": Annotated[str, Sensitive],
    },
)

Reviews = dict[str, Annotated[str, Trust("external")]]
"""By the name in the agency's catalogue, what guests wrote."""

HOTELS, HOTEL = {"hotel_names": (Target("hotel"),)}, {"hotel_name": (Target("hotel"),)}
RESTAURANTS = {"restaurant_names": (Target("restaurant"),)}
COMPANIES = {"company_name": (Target("car_rental"),)}
CITY = {"city": (Target("city"),)}


def show_hotel(hotel: str, start_day: str, end_day: str) -> str:
    """What would be booked."""
    return f"Book {hotel} from {start_day} to {end_day}"


def show_table(restaurant: str, start_time: str) -> str:
    """What would be booked."""
    return f"Book a table at {restaurant} for {start_time}"


def show_car(company: str, start_time: str, end_time: str | None) -> str:
    """What would be booked."""
    return f"Book a car at {company} from {start_time} to {end_time}"


def catalogue(**parameters: tuple[Target, ...]) -> Declaration:
    """A look into what the agency itself keeps."""
    return Declaration("read", Trust("system"), parameters)


TRAVEL = {
    "get_user_information": Declaration("read", Trust("own"), returns=Traveller),
    "get_all_hotels_in_city": catalogue(**CITY),
    "get_hotels_prices": catalogue(**HOTELS),
    "get_rating_reviews_for_hotels": Declaration("read", Trust("system"), HOTELS, returns=Reviews),
    "get_hotels_address": catalogue(**HOTEL),
    "get_all_restaurants_in_city": catalogue(**CITY),
    "get_cuisine_type_for_restaurants": catalogue(**RESTAURANTS),
    "get_restaurants_address": catalogue(**RESTAURANTS),
    "get_rating_reviews_for_restaurants": Declaration("read", Trust("system"), RESTAURANTS, returns=Reviews),
    "get_dietary_restrictions_for_all_restaurants": catalogue(**RESTAURANTS),
    "get_contact_information_for_restaurants": catalogue(**RESTAURANTS),
    "get_price_for_restaurants": catalogue(**RESTAURANTS),
    "check_restaurant_opening_hours": catalogue(**RESTAURANTS),
    "get_all_car_rental_companies_in_city": catalogue(**CITY),
    "get_car_types_available": catalogue(**COMPANIES),
    "get_rating_reviews_for_car_rental": Declaration("read", Trust("system"), COMPANIES, returns=Reviews),
    "get_car_fuel_options": catalogue(**COMPANIES),
    "get_car_rental_address": catalogue(**COMPANIES),
    "get_car_price_per_day": catalogue(**COMPANIES),
    "get_flight_information": catalogue(departure_city=(Target("city"),), arrival_city=(Target("city"),)),
    # A booking holds the traveller to it, and no tool takes it back.
    "reserve_hotel": Declaration(
        "irreversible",
        Trust("system"),
        {"hotel": (Target("hotel"),), "start_day": (When("date"),), "end_day": (When("date"),)},
        preview=show_hotel,
    ),
    "reserve_car_rental": Declaration(
        "irreversible",
        Trust("system"),
        {
            "company": (Target("car_rental"),),
            "start_time": (When("datetime"),),
            "end_time": (When("datetime"),),
        },
        preview=show_car,
    ),
    "reserve_restaurant": Declaration(
        "irreversible",
        Trust("system"),
        {"restaurant": (Target("restaurant"),), "start_time": (When("datetime"),)},
        preview=show_table,
    ),
    **CALENDAR,
    **SEND_MAIL,
}
