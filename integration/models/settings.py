"""The rows that hold what an administrator has set. Only `integration.settings_document` writes them."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from integration.models.portal import Credential
from integration.rules.facts import StreamKind


class SettingsTab(models.Model):
    """One tab of the screen: its active flag and the options that belong to the tab as a whole."""

    class Tab(models.TextChoices):
        MAIN = "main", _("Главная")
        TELEPHONY = "telephony", _("Телефония")
        CHATS = "chats", _("Чаты и офлайн заявки")

    credential = models.ForeignKey(Credential, models.CASCADE, related_name="tabs")
    tab = models.CharField(_("вкладка"), max_length=10, choices=Tab.choices)
    is_active = models.BooleanField(_("активна"), default=False)
    options = models.JSONField(_("параметры"), default=dict, blank=True)

    class Meta:
        verbose_name = _("вкладка настроек")
        verbose_name_plural = _("вкладки настроек")
        constraints = [models.UniqueConstraint(fields=["credential", "tab"], name="one_row_per_tab")]

    def __str__(self) -> str:
        return self.get_tab_display()


class Stream(models.Model):
    """What happens to one stream of communications: incoming calls, outgoing calls, chats or requests."""

    KIND_LABELS = {
        StreamKind.INCOMING: _("Входящие звонки"),
        StreamKind.OUTGOING: _("Исходящие звонки"),
        StreamKind.CHAT: _("Чаты"),
        StreamKind.REQUEST: _("Офлайн заявки"),
    }

    credential = models.ForeignKey(Credential, models.CASCADE, related_name="streams")
    kind = models.CharField(_("поток"), max_length=10, choices=[(str(k), v) for k, v in KIND_LABELS.items()])
    create_for = models.CharField(_("создавать для"), max_length=6, default="new")
    create_what = models.CharField(_("что создавать"), max_length=20, default="item")
    item = models.CharField(_("сущность"), max_length=4, default="lead")
    pipeline_id = models.PositiveBigIntegerField(_("воронка"), null=True, blank=True)
    stage_id = models.CharField(_("стадия"), max_length=50, blank=True)
    source_id = models.CharField(_("источник"), max_length=50, blank=True)
    moment = models.CharField(_("момент создания"), max_length=5, default="start")
    second_open = models.BooleanField(_("вторая открытая"), default=False)
    default_responsible_id = models.PositiveBigIntegerField(_("ответственный по умолчанию"), null=True, blank=True)
    talked = models.CharField(_("кто говорил"), max_length=7, blank=True)
    notify = models.BooleanField(_("оповещать"), default=True)
    change_responsible_of = models.JSONField(_("менять ответственного у"), default=list, blank=True)
    options = models.JSONField(_("параметры"), default=dict, blank=True)

    class Meta:
        verbose_name = _("поток")
        verbose_name_plural = _("потоки")
        constraints = [
            models.UniqueConstraint(fields=["credential", "kind"], name="one_stream_of_a_kind"),
            models.CheckConstraint(condition=Q(kind__in=[str(k) for k in StreamKind]), name="stream_kind_known"),
            models.CheckConstraint(
                condition=Q(create_for__in=["new", "repeat", "both", "none"]), name="stream_create_for_known"
            ),
            models.CheckConstraint(
                condition=Q(create_what__in=["item", "activity", "item_and_activity"]), name="stream_create_what_known"
            ),
            models.CheckConstraint(condition=Q(item__in=["lead", "deal"]), name="stream_item_known"),
            models.CheckConstraint(condition=Q(moment__in=["start", "end"]), name="stream_moment_known"),
            models.CheckConstraint(
                condition=Q(talked__in=["", "first", "last", "longest"]), name="stream_talked_known"
            ),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()


class Filter(models.Model):
    """Which communications of a stream are carried over: a condition tree, or none for all."""

    stream = models.OneToOneField(Stream, models.CASCADE, related_name="filter")
    conditions = models.JSONField(_("условия"))

    class Meta:
        verbose_name = _("фильтр")
        verbose_name_plural = _("фильтры")

    def __str__(self) -> str:
        return str(self.stream)


class ResponsibleRule(models.Model):
    """One line of the ordered responsible rules of a stream."""

    stream = models.ForeignKey(Stream, models.CASCADE, related_name="responsible_rules")
    position = models.PositiveSmallIntegerField(_("порядок"))
    name = models.CharField(_("название"), max_length=80)
    is_active = models.BooleanField(_("включено"), default=True)
    conditions = models.JSONField(_("условия"), null=True, blank=True)
    assign = models.JSONField(_("назначить"))

    class Meta:
        verbose_name = _("правило ответственного")
        verbose_name_plural = _("правила ответственного")
        constraints = [models.UniqueConstraint(fields=["stream", "position"], name="rule_position_once")]

    def __str__(self) -> str:
        return self.name


class NameTemplate(models.Model):
    """The title of what a stream creates, for one result of its communications."""

    stream = models.ForeignKey(Stream, models.CASCADE, related_name="name_templates")
    result = models.CharField(_("результат"), max_length=10)
    text = models.CharField(_("шаблон"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("шаблон названия")
        verbose_name_plural = _("шаблоны названий")
        constraints = [models.UniqueConstraint(fields=["stream", "result"], name="template_result_once")]

    def __str__(self) -> str:
        return self.text


class FieldMapping(models.Model):
    """One row of the table "UIS fact → Bitrix24 field"."""

    stream = models.ForeignKey(Stream, models.CASCADE, related_name="field_mappings")
    position = models.PositiveSmallIntegerField(_("порядок"))
    fact = models.CharField(_("данные UIS"), max_length=50, blank=True)
    constant = models.CharField(_("постоянное значение"), max_length=500, blank=True)
    object = models.CharField(_("объект"), max_length=7)
    field = models.CharField(_("поле"), max_length=100)
    policy = models.CharField(_("когда писать"), max_length=9, default="create")
    values = models.JSONField(_("соответствие значений"), default=dict, blank=True)
    format = models.CharField(_("формат даты"), max_length=50, blank=True)

    class Meta:
        verbose_name = _("сопоставление поля")
        verbose_name_plural = _("сопоставление полей")
        constraints = [
            models.CheckConstraint(
                condition=(Q(fact="") & ~Q(constant="")) | (~Q(fact="") & Q(constant="")),
                name="mapping_fact_or_constant",
            ),
            models.CheckConstraint(
                condition=Q(object__in=["lead", "deal", "contact", "company"]), name="mapping_object_known"
            ),
            models.CheckConstraint(
                condition=Q(policy__in=["create", "if_empty", "overwrite", "append"]), name="mapping_policy_known"
            ),
            models.UniqueConstraint(fields=["stream", "fact", "constant", "object", "field"], name="mapping_row_once"),
        ]

    def __str__(self) -> str:
        return f"{self.fact or self.constant} → {self.object}.{self.field}"


class NumberSettings(models.Model):
    """What differs for one virtual number."""

    credential = models.ForeignKey(Credential, models.CASCADE, related_name="number_settings")
    number = models.CharField(_("виртуальный номер"), max_length=20)
    source_id = models.CharField(_("источник"), max_length=50, blank=True)
    pipeline_id = models.PositiveBigIntegerField(_("воронка"), null=True, blank=True)
    stage_id = models.CharField(_("стадия"), max_length=50, blank=True)

    class Meta:
        verbose_name = _("настройки номера")
        verbose_name_plural = _("настройки номеров")
        constraints = [models.UniqueConstraint(fields=["credential", "number"], name="number_once")]

    def __str__(self) -> str:
        return self.number


class SettingsRevision(models.Model):
    """One saved state of the settings document; never updated."""

    credential = models.ForeignKey(Credential, models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField(_("номер"))
    document = models.JSONField(_("документ"))
    author_kind = models.CharField(_("кто"), max_length=10)
    author = models.CharField(_("автор"), max_length=200, blank=True)
    note = models.CharField(_("примечание"), max_length=500, blank=True)
    created_at = models.DateTimeField(_("когда"), default=timezone.now)

    class Meta:
        verbose_name = _("редакция настроек")
        verbose_name_plural = _("история настроек")
        constraints = [models.UniqueConstraint(fields=["credential", "number"], name="revision_number_once")]

    def __str__(self) -> str:
        return f"№ {self.number}"
