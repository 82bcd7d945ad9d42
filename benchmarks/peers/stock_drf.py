"""The same calls as a careful team writes them with Django REST Framework alone: generic views, ModelSerializer,
`select_related` and `prefetch_related`, cursor pagination, SimpleJWT, and three of DRF's own throttles in Redis.

The answers hold the same members as the product's, and a creation writes the same rows.
"""

from typing import Any

from django.db import models, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, JsonResponse
from django.urls import path
from rest_framework import generics, pagination, serializers, throttling
from rest_framework.exceptions import NotFound
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from api.models import AuditEntry, Contact, ContactIdentity, ContactTerm, Membership, Organization, Tag, User
from api.platform import search
from api.platform.ids import slug_for


class ContactTag(models.Model):
    """The tags of contacts as a many-to-many relation, which is how this peer would have them."""

    contact = models.ForeignKey(Contact, models.DO_NOTHING, db_column="object_id", related_name="tagged")
    tag = models.ForeignKey(Tag, models.DO_NOTHING, related_name="+")

    class Meta:
        app_label = "api"
        managed = False
        db_table = "tag_link"


class ContactTagSerializer(serializers.ModelSerializer):
    id = serializers.IntegerField(source="tag.id")
    slug = serializers.CharField(source="tag.slug")
    name = serializers.CharField(source="tag.name")
    color = serializers.CharField(source="tag.color")

    class Meta:
        model = ContactTag
        fields = ("id", "slug", "name", "color")


TAGS = models.Prefetch("tagged", ContactTag.objects.select_related("tag").order_by("tag__name_identity"))


class ContactSerializer(serializers.ModelSerializer):
    organization = serializers.SlugRelatedField(slug_field="slug", queryset=Organization.objects.all())
    creator = serializers.SlugRelatedField(slug_field="username", read_only=True)
    email = serializers.SerializerMethodField()
    phone = serializers.SerializerMethodField()
    tags = ContactTagSerializer(source="tagged", many=True, read_only=True)

    class Meta:
        model = Contact
        fields = (
            "id",
            "slug",
            "organization",
            "display_name",
            "first_name",
            "last_name",
            "company",
            "title",
            "email",
            "emails",
            "phone",
            "phone_numbers",
            "addresses",
            "birth_date",
            "location",
            "website",
            "notes",
            "custom_fields",
            "avatar",
            "tags",
            "creator",
            "version",
            "created_at",
            "updated_at",
            "deleted_at",
        )
        read_only_fields = ("id", "slug", "avatar", "version", "created_at", "updated_at", "deleted_at")

    def get_email(self, contact: Contact) -> str | None:
        return next((entry["value"] for entry in contact.emails if entry["is_primary"]), None)

    def get_phone(self, contact: Contact) -> str | None:
        return next((entry["value"] for entry in contact.phone_numbers if entry["is_primary"]), None)

    def create(self, validated_data: dict[str, Any]) -> Contact:
        user = self.context["request"].user
        with transaction.atomic():
            organization = Organization.objects.select_for_update().get(pk=validated_data.pop("organization").pk)
            organization.change_seq += 1
            organization.save(update_fields=["change_seq"])
            contact = Contact.objects.create(
                organization=organization,
                creator=user,
                slug=slug_for(validated_data["display_name"]),
                display_name_key=search.sort_key(validated_data["display_name"]),
                first_name_key=search.sort_key(validated_data.get("first_name", "")),
                last_name_key=search.sort_key(validated_data.get("last_name", "")),
                email_key=search.sort_key(validated_data["emails"][0]["value"]),
                change_seq=organization.change_seq,
                **validated_data,
            )
            words = {*search.words(contact.display_name), *search.words(contact.emails[0]["value"])}
            ContactTerm.objects.bulk_create(
                [ContactTerm(organization=organization, contact=contact, term=word, weight=1) for word in words]
            )
            values = {contact.emails[0]["value"], " ".join(sorted(search.words(contact.display_name)))}
            firsts = ContactIdentity.objects.filter(organization=organization, is_repeat=False, value__in=values)
            taken = set(firsts.values_list("value", flat=True))
            ContactIdentity.objects.bulk_create(
                [
                    ContactIdentity(organization=organization, contact=contact, value=value, is_repeat=value in taken)
                    for value in values
                ]
            )
            AuditEntry.objects.create(
                at=contact.created_at,
                action="contact.created",
                outcome="success",
                channel="api",
                actor_kind="user",
                actor_id=str(user.id),
                organization_id=organization.id,
                target_kind="contact",
                target_id=str(contact.id),
            )
        return contact


class ProfileSerializer(serializers.ModelSerializer):
    class Meta:
        model = User
        fields = (
            "id",
            "email",
            "username",
            "first_name",
            "last_name",
            "phone_number",
            "birth_date",
            "location",
            "about",
            "avatar",
            "preferred_language",
            "preferred_theme",
            "time_zone",
            "notification_preferences",
            "has_finished_onboarding",
            "is_email_confirmed",
            "is_guest",
            "is_staff",
            "date_joined",
            "updated_at",
        )


class _PerUser(throttling.SimpleRateThrottle):
    def get_cache_key(self, request: Request, view: Any) -> str:
        return self.cache_format % {"scope": self.scope, "ident": request.user.pk}


class BurstThrottle(_PerUser):
    scope = "burst"


class SustainedThrottle(_PerUser):
    scope = "sustained"


class ContentThrottle(_PerUser):
    scope = "content"


THROTTLES = (BurstThrottle, SustainedThrottle, ContentThrottle)


class IsMember(BasePermission):
    def has_object_permission(self, request: Request, view: Any, obj: Contact) -> bool:
        return Membership.objects.filter(user=request.user, organization=obj.organization).exists()


class ContactPagination(pagination.CursorPagination):
    page_size = 25
    ordering = ("display_name_key", "id")


class ContactList(generics.ListCreateAPIView):
    serializer_class = ContactSerializer
    pagination_class = ContactPagination
    throttle_classes = THROTTLES

    def get_queryset(self) -> QuerySet[Contact]:
        return (
            Contact.objects.filter(
                organization=self._organization(self.request.query_params.get("org", "")), deleted_at=None
            )
            .select_related("organization", "creator")
            .prefetch_related(TAGS)
        )

    def perform_create(self, serializer: serializers.BaseSerializer) -> None:
        self._organization(serializer.validated_data["organization"].slug)
        serializer.save()

    def _organization(self, slug: str) -> Organization:
        membership = (
            Membership.objects.select_related("organization")
            .filter(user=self.request.user, organization__slug=slug)
            .first()
        )
        if membership is None:
            raise NotFound
        return membership.organization


class ContactDetail(generics.RetrieveAPIView):
    serializer_class = ContactSerializer
    queryset = Contact.objects.filter(deleted_at=None).select_related("organization", "creator").prefetch_related(TAGS)
    permission_classes = (*generics.RetrieveAPIView.permission_classes, IsMember)
    throttle_classes = THROTTLES
    lookup_field = "slug"


class Me(generics.RetrieveAPIView):
    serializer_class = ProfileSerializer
    throttle_classes = THROTTLES

    def get_object(self) -> User:
        return self.request.user


def live(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


urlpatterns = [
    path("health/live/", live),
    path("contacts/", ContactList.as_view()),
    path("contacts/<str:slug>/", ContactDetail.as_view()),
    path("users/me/", Me.as_view()),
]
